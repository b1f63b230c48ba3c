"""Traefik in front: routes by path, health checks, weights, a rate limit, and buckets that contain every SLO.

Configured by a file that is watched: a changed weight takes effect without a restart.
"""

import json
import shutil
from pathlib import Path
from typing import Any

from stack.fleet import Fleet, Part, StackError, http

BUCKETS_S = (0.005, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0, 2.0, 5.0)
START_SECONDS_MAX = 30
HEALTH_INTERVAL = "500ms"
RATE_AVERAGE, RATE_BURST = 500, 1000  # requests per second of one client address


class Traefik:
    """`backends`: the addresses of each service, the weight of each group of them."""

    def __init__(self, fleet: Fleet, program: Path, port: int, metrics_port: int) -> None:
        self._fleet, self._program = fleet, program
        self.port, self.metrics_port = port, metrics_port
        self._home = fleet.folder / "traefik"
        self.part: Part | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self, routes: dict[str, str], groups: dict[str, dict[str, tuple[int, list[str]]]]) -> None:
        """`routes`: service by rule. `groups`: of each service, weight and servers by group."""
        if shutil.which(str(self._program)) is None:
            raise StackError(f"{self._program} is missing: tools/app_env installs it")
        (self._home / "dynamic").mkdir(parents=True)
        static = {
            "global": {"checkNewVersion": False, "sendAnonymousUsage": False},
            "log": {"level": "WARN", "format": "json"},
            "entryPoints": {
                "web": {
                    "address": f"127.0.0.1:{self.port}",
                    "transport": {"lifeCycle": {"requestAcceptGraceTimeout": "3s", "graceTimeOut": "10s"}},
                },
                "metrics": {"address": f"127.0.0.1:{self.metrics_port}"},
            },
            "ping": {"entryPoint": "metrics"},
            "metrics": {
                "prometheus": {
                    "entryPoint": "metrics",
                    "buckets": BUCKETS_S,
                    "addEntryPointsLabels": True,
                    "addRoutersLabels": True,
                    "addServicesLabels": True,
                }
            },
            "providers": {"file": {"directory": str(self._home / "dynamic"), "watch": True}},
        }
        (self._home / "traefik.yaml").write_text(json.dumps(static, indent=1))
        self.configure(routes, groups)
        command = [self._program, f"--configfile={self._home / 'traefik.yaml'}"]
        self.part = self._fleet.start("traefik", command)
        ping = f"http://127.0.0.1:{self.metrics_port}/ping"
        self._fleet.wait_until("Traefik answering", lambda: http(ping)[0] == 200, START_SECONDS_MAX)

    def configure(self, routes: dict[str, str], groups: dict[str, dict[str, tuple[int, list[str]]]]) -> None:
        """Takes effect within a second or so; requests under way are not touched."""
        config = {"http": _dynamic(routes, groups)}
        path = self._home / "dynamic" / "quai.yaml"
        fresh = self._home / "quai.yaml.new"
        fresh.write_text(json.dumps(config, indent=1))
        fresh.replace(path)


def _dynamic(routes: dict[str, str], groups: dict[str, dict[str, tuple[int, list[str]]]]) -> dict[str, Any]:
    services: dict[str, Any] = {}
    for service, parts in groups.items():
        for name, (_, servers) in parts.items():
            services[name] = {
                "loadBalancer": {
                    "servers": [{"url": url} for url in servers],
                    "healthCheck": {"path": "/readyz", "interval": HEALTH_INTERVAL, "timeout": "2s"},
                }
            }
        weights = [{"name": name, "weight": weight} for name, (weight, _) in parts.items()]
        services[f"{service}-split"] = {"weighted": {"services": weights}}
    routers = {
        service: {
            "entryPoints": ["web"],
            "rule": rule,
            "service": f"{service}-split",
            "middlewares": ["rate-limit"],
        }
        for service, rule in routes.items()
    }
    limit = {"rateLimit": {"average": RATE_AVERAGE, "burst": RATE_BURST, "period": "1s"}}
    return {"routers": routers, "services": services, "middlewares": {"rate-limit": limit}}

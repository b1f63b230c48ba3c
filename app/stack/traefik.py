"""Traefik in front: routes by path, health checks, weights, a rate limit, and buckets that contain every SLO.

Configured by a file that is watched: a changed weight takes effect without a restart.
"""

import json
import shutil
import time
from pathlib import Path
from typing import Any

from stack.fleet import Fleet, Part, StackError, http

BUCKETS_S = (0.005, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 1.0, 2.0, 5.0)
START_SECONDS_MAX = 30
DEFAULT_NAME = "quai.example"
HEALTH_INTERVAL = "500ms"
RATE_AVERAGE, RATE_BURST = 500, 1000  # requests per second of one client address


class Traefik:
    """`backends`: the addresses of each service, the weight of each group of them."""

    def __init__(self, fleet: Fleet, program: Path, port: int, tls_port: int, metrics_port: int) -> None:
        self._fleet, self._program = fleet, program
        self.port, self.tls_port, self.metrics_port = port, tls_port, metrics_port
        self._home = fleet.folder / "traefik"
        self._certificates: dict[str, dict[str, str]] = {}
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
                "websecure": {"address": f"127.0.0.1:{self.tls_port}", "http": {"tls": {}}},
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
        self.renew_certificate(90)
        self.configure(routes, groups)
        command = [self._program, f"--configfile={self._home / 'traefik.yaml'}"]
        self.part = self._fleet.start("traefik", command)
        ping = f"http://127.0.0.1:{self.metrics_port}/ping"
        self._fleet.wait_until("Traefik answering", lambda: http(ping)[0] == 200, START_SECONDS_MAX)

    def renew_certificate(self, days: int, name: str = DEFAULT_NAME) -> None:
        """A self-signed one for `name` that ends in so many days; taken over without a restart."""
        key, certificate = self._home / f"{name}.key", self._home / f"{name}.crt"
        command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
        command += ["-subj", f"/CN={name}", "-days", str(days), "-keyout", str(key), "-out", str(certificate)]
        self._fleet.run("openssl", command)
        self._certificates[name] = {"certFile": str(certificate), "keyFile": str(key)}
        stores = {"default": {"defaultCertificate": self._certificates[DEFAULT_NAME]}}
        # The file's text must change, or its reader sees no news.
        options = {f"made{time.time_ns()}": {"minVersion": "VersionTLS12"}}
        tls = {"stores": stores, "certificates": list(self._certificates.values()), "options": options}
        fresh = self._home / "tls.yaml.new"
        fresh.write_text(json.dumps({"tls": tls}, indent=1))
        fresh.replace(self._home / "dynamic" / "tls.yaml")

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
            "entryPoints": ["web", "websecure"],
            "rule": rule,
            "service": f"{service}-split",
            "middlewares": ["rate-limit"],
        }
        for service, rule in routes.items()
    }
    limit = {"rateLimit": {"average": RATE_AVERAGE, "burst": RATE_BURST, "period": "1s"}}
    return {"routers": routers, "services": services, "middlewares": {"rate-limit": limit}}

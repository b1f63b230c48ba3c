"""Quai as it runs in production, on one machine: two of each service that answers customers."""

import json
import os
import signal
import time
from dataclasses import dataclass
from pathlib import Path

from stack.fleet import Fleet, Part, StackError, free_ports, http
from stack.postgres import Postgres
from stack.traefik import Traefik

READY_SECONDS_MAX = 60
APP = Path(__file__).resolve().parent.parent
ROUTES = {
    "quai-catalog": "PathPrefix(`/v1/sailings`)",
    "quai-orders": "PathPrefix(`/v1/holds`) || PathPrefix(`/v1/orders`)",
}
INSTANCES = {"catalog": 2, "orders": 2, "notifier": 1, "paysim": 1}
CANARY = "catalog-canary"


@dataclass
class Instance:
    role: str
    part: Part
    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


class Application:
    """`env_dir`: the Python environment with Quai's packages and Traefik (tools/app_env makes it)."""

    def __init__(self, fleet: Fleet, env_dir: Path, journeys_per_second: float = 8) -> None:
        self._fleet, self._env_dir = fleet, env_dir
        self._journeys_per_second = journeys_per_second
        ports = free_ports(5)
        self.postgres = Postgres(fleet, ports[0], ports[1])
        self.traefik = Traefik(fleet, env_dir / "bin" / "traefik", *ports[2:])
        self.instances: dict[str, Instance] = {}
        self.api_key = ""
        self._canary_weight = 0

    @property
    def python(self) -> Path:
        return self._env_dir / "bin" / "python"

    def start(self, with_load: bool = True, with_exporter: bool = True) -> None:
        self.postgres.start(with_exporter)
        self._fleet.run("migrate", [self.python, "-m", "quai", "migrate"], self._env())
        self.api_key = self._fleet.run("seed", [self.python, "-m", "quai", "seed"], self._env()).strip()
        self._start_services()
        self.traefik.start(ROUTES, self._groups())
        self._fleet.wait_until("Quai answering through Traefik", self._answers, READY_SECONDS_MAX)
        if with_load:
            self.start_load()

    def start_load(self) -> None:
        more = {
            "QUAI_TARGET_URL": self.traefik.url,
            "QUAI_API_KEY": self.api_key,
            "QUAI_JOURNEYS_PER_SECOND": str(self._journeys_per_second),
        }
        self._start("loadgen", "loadgen", more)

    def stop_arrivals(self) -> None:
        """No new journeys; the load generator's page stays."""
        self.instances["loadgen"].part.process.send_signal(signal.SIGUSR1)  # type: ignore[union-attr]

    def start_canary(self, percent: int, more: dict[str, str]) -> Instance:
        """A new build of the catalogue beside the old ones, with a share of the requests."""
        canary = self._start(CANARY, "catalog", {"QUAI_VERSION": "canary", **more})
        self._fleet.wait_until("the canary being ready", lambda: self.ready(canary), READY_SECONDS_MAX)
        self.set_canary(percent)
        return canary

    def set_canary(self, percent: int) -> None:
        self._canary_weight = percent
        self.traefik.configure(ROUTES, self._groups())

    def restart(self, name: str) -> None:
        """As a rolling update does it: drained, ended, started, ready."""
        instance = self.instances[name]
        self._fleet.end(instance.part)
        self._fleet.launch(instance.part)
        self._fleet.wait_until(f"{name} being ready", lambda: self.ready(instance), READY_SECONDS_MAX)
        # The proxy looks twice a second; the next one may go only when this one is back in.
        deadline = time.monotonic() + 1.5
        self._fleet.wait_until("the proxy's next look", lambda: time.monotonic() > deadline, 5)

    def set_faults(self, role: str, error_ratio: float = 0, delay_s: float = 0) -> None:
        body = json.dumps({"error_ratio": error_ratio, "delay_s": delay_s}).encode()
        for instance in self.of(role):
            status, text = http(f"{instance.url}/faults", body, "PUT", {"Content-Type": "application/json"})
            if status != 200:
                raise StackError(f"cannot set faults of {instance.part.name}: {status} {text}")

    def of(self, role: str) -> list[Instance]:
        return [instance for name, instance in self.instances.items() if instance.role == role and name != CANARY]

    def ask(self, path: str, method: str = "GET", body: object = None, **headers: str) -> tuple[int, str]:
        """A request as a customer makes it."""
        more = {"Authorization": self.api_key, "Content-Type": "application/json"}
        more |= {name.replace("_", "-"): value for name, value in headers.items()}
        data = None if body is None else json.dumps(body).encode()
        return http(self.traefik.url + path, data, method, more)

    def ready(self, instance: Instance) -> bool:
        return http(f"{instance.url}/readyz", timeout=3)[0] == 200

    def _answers(self) -> bool:
        return self.ask("/v1/sailings")[0] == 200 and self.ask("/v1/orders/x")[0] == 422

    def _start_services(self) -> None:
        self._start("paysim-1", "paysim", {})
        paysim = self.instances["paysim-1"].url
        more = {"QUAI_PAYSIM_URL": paysim, "QUAI_MAIL_URL": f"{paysim}/mail"}
        for role, count in INSTANCES.items():
            for i in range(1, count + 1):
                if f"{role}-{i}" not in self.instances:
                    self._start(f"{role}-{i}", role, more)
        for name, instance in self.instances.items():
            ready = f"{name} being ready"
            self._fleet.wait_until(ready, lambda i=instance: self.ready(i), READY_SECONDS_MAX)  # type: ignore[misc]

    def _start(self, name: str, role: str, more: dict[str, str]) -> Instance:
        port = free_ports(1)[0]
        env = self._env() | {"QUAI_PORT": str(port)} | more
        part = self._fleet.start(name, [self.python, "-m", "quai", role], env, hurried=signal.SIGINT)
        instance = self.instances[name] = Instance(role, part, port)
        return instance

    def _env(self) -> dict[str, str]:
        return {
            "QUAI_DATABASE_URL": self.postgres.url(),
            "QUAI_ENVIRONMENT": os.environ.get("QUAI_ENVIRONMENT", "demo"),
            "QUAI_DRAIN_S": "2",
            "QUAI_POOL_MAX": "8",
            "PYTHONPATH": str(APP),
            "PYTHONDONTWRITEBYTECODE": "1",
        }

    def _groups(self) -> dict[str, dict[str, tuple[int, list[str]]]]:
        groups: dict[str, dict[str, tuple[int, list[str]]]] = {}
        for service in ROUTES:
            role = service.removeprefix("quai-")
            groups[service] = {service: (100, [instance.url for instance in self.of(role)])}
        if self._canary_weight:
            stable = 100 - self._canary_weight
            groups["quai-catalog"] = {
                "quai-catalog": (stable, [instance.url for instance in self.of("catalog")]),
                "quai-catalog-canary": (self._canary_weight, [self.instances[CANARY].url]),
            }
        return groups

"""Barograph beside the application: collector, agent, Alertmanager and a webhook that stands for a pager."""

import http.server as http_server
import json
import shutil
import subprocess
import threading
import time
import urllib.parse
from pathlib import Path
from typing import Any

from stack.application import Application
from stack.fleet import Fleet, Part, StackError, free_ports, http
from stack.relay import Relay

READY_SECONDS_MAX = 60
ALERTMANAGER = "prometheus-alertmanager"
ROOT = Path(__file__).resolve().parent.parent.parent
EVALUATION_INTERVAL = "5s"
PLAIN_OBJECTIVES = "burn_rates"  # the rule file that stands in for the SLO file where objectives are not counted

ALERTMANAGER_CONFIG = """\
route:
  receiver: pager
  group_by: [alertname, slo, service]
  group_wait: 3s
  group_interval: 5s
  repeat_interval: 4h
# One fault, one page: when the edge fails, what fails behind it is explained. The details stay in the collector.
inhibit_rules:
  - source_matchers: [alertname="QuaiEdgeDown"]
    target_matchers: [severity="page", alertname!="QuaiEdgeDown"]
  - source_matchers: [alertname="QuaiEdgeErrorBudgetBurn"]
    target_matchers: [alertname=~"Quai(Order|OrderLatency|CatalogLatency|Notification)BudgetBurn"]
receivers:
  - name: pager
    webhook_configs:
      - url: "{url}"
        send_resolved: true
"""


class Pager:
    """Takes Alertmanager's webhooks; remembers when each alert was told as firing and as resolved."""

    BODIES_MAX = 10_000

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._told: list[tuple[float, dict[str, Any]]] = []
        pager = self

        class Handler(http_server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                pager.take(body)
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Silent."""

        self._server = http_server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def take(self, body: dict[str, Any]) -> None:
        with self._lock:
            now = time.time()
            self._told += [(now, alert) for alert in body["alerts"]]
            del self._told[: -self.BODIES_MAX]

    def told(self, since: float = 0) -> list[tuple[float, dict[str, Any]]]:
        """(when, alert) in the order of arrival; alerts have Alertmanager's keys."""
        with self._lock:
            return [(when, alert) for when, alert in self._told if when >= since]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class Barograph:
    """`bin_dir`: where baro-collector, baro-agent and baro are. `rules`: rule files; `slos`: SLO files."""

    def __init__(
        self, fleet: Fleet, bin_dir: Path, rules: list[Path] | None = None, slos: list[Path] | None = None
    ) -> None:
        self._fleet, self._bin = fleet, bin_dir
        self._rules, self._slos = rules or [], slos or []
        ports = free_ports(5)
        self.url = f"http://127.0.0.1:{ports[0]}"
        self.grpc = f"127.0.0.1:{ports[1]}"
        self.agent_url = f"http://127.0.0.1:{ports[2]}"
        self._alertmanager_ports = ports[3:5]
        self.pager = Pager()
        self.relay = Relay(("127.0.0.1", ports[1]))
        self.jobs: dict[str, tuple[str, str]] = {}  # more to scrape: address and path by job
        self.collector: Part | None = None
        self.agent: Part | None = None

    def start(self, application: Application) -> None:
        """Collector first, so that the agent finds it; either order would do."""
        self._start_alertmanager()
        self._start_collector()
        self._start_agent(application)

    @property
    def alertmanager_url(self) -> str:
        return f"http://127.0.0.1:{self._alertmanager_ports[0]}"

    def ready(self) -> bool:
        return http(f"{self.url}/-/ready")[0] == 200

    def query(self, expression: str, at: float | None = None) -> list[tuple[dict[str, str], float]]:
        """The vector of an instant query: labels and value."""
        form = {"query": expression} | ({"time": str(at)} if at is not None else {})
        status, text = http(f"{self.url}/api/v1/query", urllib.parse.urlencode(form).encode())
        if status != 200:
            raise StackError(f"cannot query {expression}: {status} {text[:300]}")
        answer = json.loads(text)["data"]
        if answer["resultType"] == "scalar":
            return [({}, float(answer["result"][1]))]
        return [(row["metric"], float(row["value"][1])) for row in answer["result"]]

    def get(self, path: str) -> Any:
        """`data` of an answer of the collector; None when there is none."""
        status, text = http(f"{self.url}{path}")
        return json.loads(text).get("data") if status == 200 else None

    def close(self) -> None:
        """What is not a process of the fleet."""
        self.relay.close()
        self.pager.close()

    def _start_collector(self) -> None:
        counts = bool(self._slos) and self.reads_objectives()
        config: dict[str, Any] = {
            "global": {"evaluation_interval": EVALUATION_INTERVAL},
            "rule_files": [str(path) for path in self._rules if not (counts and path.stem == PLAIN_OBJECTIVES)],
            "alerting": {
                "alertmanagers": [{"static_configs": [{"targets": [f"127.0.0.1:{self._alertmanager_ports[0]}"]}]}]
            },
        }
        if counts:
            config["slo_files"] = [str(path) for path in self._slos]
        path = self._fleet.folder / "collector.yaml"
        path.write_text(json.dumps(config, indent=1))
        self.collector = self._fleet.start(
            "collector",
            [
                *(self._bin / "baro-collector", "--config.file", path),
                *("--storage.path", self._fleet.folder / "store"),
                *("--http.listen-address", self.url.removeprefix("http://")),
                *("--grpc.listen-address", self.grpc),
            ],
        )
        self._fleet.wait_until("the collector being ready", self.ready, READY_SECONDS_MAX)

    def _start_agent(self, application: Application) -> None:
        path = self._fleet.folder / "agent.yaml"
        path.write_text(json.dumps(self._agent_config(application), indent=1))
        self.agent = self._fleet.start(
            "agent",
            [
                *(self._bin / "baro-agent", "--config.file", path),
                *("--spool.path", self._fleet.folder / "spool"),
                *("--collector.address", self.relay.address),
                *("--http.listen-address", self.agent_url.removeprefix("http://")),
            ],
        )

    def reads_objectives(self) -> bool:
        """Builds before objectives were counted know no `slo_files`."""
        probe = self._fleet.folder / "probe.yaml"
        probe.write_text(json.dumps({"slo_files": [str(path) for path in self._slos]}))
        command = [str(self._bin / "baro-collector"), "--check-config", "--config.file", str(probe)]
        return subprocess.run(command, capture_output=True, check=False).returncode == 0

    def _agent_config(self, application: Application) -> dict[str, Any]:
        jobs: dict[str, list[str]] = {}
        for instance in application.instances.values():
            job = instance.role if instance.role in ("paysim", "loadgen") else f"quai-{instance.role}"
            jobs.setdefault(job, []).append(f"127.0.0.1:{instance.port}")
        jobs["traefik"] = [f"127.0.0.1:{application.traefik.metrics_port}"]
        jobs["postgres"] = [f"127.0.0.1:{application.postgres.exporter_port}"]
        jobs["baro-collector"] = [self.url.removeprefix("http://")]
        jobs["baro-agent"] = [self.agent_url.removeprefix("http://")]
        return {
            "global": {"scrape_interval": "2s", "scrape_timeout": "2s"},
            "node": {"interval": "1s"},
            "scrape_configs": [
                {"job_name": job, "static_configs": [{"targets": targets}]} for job, targets in jobs.items()
            ]
            + [
                {"job_name": job, "metrics_path": path, "static_configs": [{"targets": [address]}]}
                for job, (address, path) in self.jobs.items()
            ],
        }

    def _start_alertmanager(self) -> None:
        if shutil.which(ALERTMANAGER) is None:
            raise StackError(f"{ALERTMANAGER} is not installed: run ./dev setup, or apt-get install {ALERTMANAGER}")
        path = self._fleet.folder / "alertmanager.yaml"
        path.write_text(ALERTMANAGER_CONFIG.format(url=self.pager.url))
        self._fleet.start(
            "alertmanager",
            [
                *(ALERTMANAGER, f"--config.file={path}", "--cluster.listen-address="),
                f"--storage.path={self._fleet.folder / 'alertmanager'}",
                f"--web.listen-address=127.0.0.1:{self._alertmanager_ports[0]}",
            ],
        )
        ready = f"{self.alertmanager_url}/-/ready"
        self._fleet.wait_until("Alertmanager being ready", lambda: http(ready)[0] == 200, READY_SECONDS_MAX)

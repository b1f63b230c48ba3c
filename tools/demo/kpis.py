"""The KPIs on the demo's screen, each a PromQL expression that the collector answers."""

import json
import math
import os
import time
import urllib.error
import urllib.parse
import urllib.request
from dataclasses import dataclass

HISTORY_SECONDS = 120
STEP_SECONDS = 2
# Node passes every second and scrapes every two: a window of 15 s always holds several samples.
WINDOW_SECONDS = 15
WINDOW = f"{WINDOW_SECONDS}s"


@dataclass(frozen=True)
class Kpi:
    section: str
    name: str
    unit: str  # percent, bytes, bytes/s, /s, /min, EUR/h, seconds, count, number, cores, bytes/sample
    expression: str


def _rate(metric, selector=""):
    return f"sum(rate({metric}{selector}[{WINDOW}]))"


def _share_of_time(metric):
    return f"100 * sum(rate({metric}[{WINDOW}]))"


QUAI, EDGE, NODE, POSTGRES, BAROGRAPH = "QUAI", "SERVICES", "THIS NODE", "POSTGRESQL", "BEING WATCHED COSTS"

_SERVICE = '{service=~"quai-.+"}'
_BUCKETS = "traefik_service_request_duration_seconds_bucket"


def _result(metric, result):
    return _rate(metric, f'{{result="{result}"}}')


_QUAI = [
    Kpi(QUAI, "revenue", "EUR/h", f'{_rate("quai_order_value_cents_total")} * 36'),
    Kpi(QUAI, "orders", "/min", f'{_result("quai_orders_total", "ok")} * 60'),
    Kpi(QUAI, "conversion", "percent",
        f'100 * {_result("quai_orders_total", "ok")} / {_result("quai_holds_total", "placed")}'),
    Kpi(QUAI, "payment, 99 %", "seconds",
        f'histogram_quantile(0.99, sum by (le) (rate(quai_payment_duration_seconds_bucket[{WINDOW}])))'),
    Kpi(QUAI, "mail waits, 99 %", "seconds",
        f'histogram_quantile(0.99, sum by (le) (rate(quai_outbox_delay_seconds_bucket[{WINDOW}])))'),
    Kpi(QUAI, "oversold seats", "count", "max(quai_oversold_seats)"),
]

_EDGE = [
    Kpi(EDGE, "requests", "/s", _rate("traefik_service_requests_total", _SERVICE)),
    Kpi(EDGE, "server errors", "percent",
        "100 * (" + _rate("traefik_service_requests_total", '{service=~"quai-.+",code=~"5.."}')
        + f' or vector(0)) / {_rate("traefik_service_requests_total", _SERVICE)}'),
    Kpi(EDGE, "catalogue, 99 %", "seconds", "histogram_quantile(0.99, sum by (le) "
        f'(rate({_BUCKETS}{{service=~"quai-catalog.*"}}[{WINDOW}])))'),
    Kpi(EDGE, "orders, 99 %", "seconds", "histogram_quantile(0.99, sum by (le) "
        f'(rate({_BUCKETS}{{service=~"quai-orders.*"}}[{WINDOW}])))'),
    Kpi(EDGE, "servers up", "count", f"sum(traefik_service_server_up{_SERVICE})"),
    Kpi(EDGE, "pool wait, 99 %", "seconds",
        f"histogram_quantile(0.99, sum by (le) (rate(quai_db_pool_wait_seconds_bucket[{WINDOW}])))"),
]

_NODE = [
    Kpi(NODE, "CPU busy", "percent",
        f'100 * (1 - avg(rate(node_cpu_seconds_total{{mode="idle"}}[{WINDOW}])))'),
    Kpi(NODE, "memory used", "percent",
        "100 * (1 - node_memory_MemAvailable_bytes / node_memory_MemTotal_bytes)"),
    Kpi(NODE, "disk written", "bytes/s", _rate("node_disk_written_bytes_total")),
    Kpi(NODE, "net received", "bytes/s", _rate("node_network_receive_bytes_total")),
    Kpi(NODE, "load, 1 minute", "number", "node_load1"),
]

# Kernels without pressure stall information have no such files.
_PRESSURE = [
    Kpi(NODE, "waiting for CPU", "percent", _share_of_time("node_pressure_cpu_waiting_seconds_total")),
]

_POSTGRES = [
    Kpi(POSTGRES, "transactions", "/s", _rate("pg_stat_database_xact_commit") + " + " +
        _rate("pg_stat_database_xact_rollback")),
    Kpi(POSTGRES, "connections", "count", "sum(pg_stat_database_numbackends)"),
    Kpi(POSTGRES, "cache hit ratio", "percent",
        f'100 * {_rate("pg_stat_database_blks_hit")} / ({_rate("pg_stat_database_blks_hit")} + '
        f'{_rate("pg_stat_database_blks_read")})'),
    Kpi(POSTGRES, "rows written", "/s", " + ".join(
        _rate(f"pg_stat_database_tup_{what}") for what in ("inserted", "updated", "deleted"))),
    Kpi(POSTGRES, "database size", "bytes", "sum(pg_database_size_bytes)"),
    Kpi(POSTGRES, "locks held", "count", "sum(pg_locks_count)"),
]


_STORED = 'baro_store_samples_total{outcome="stored"}'

_OURS = "baro-collector|baro-agent"
_THEIRS = "quai-.+|paysim|traefik"


def _cpu(jobs):
    return f'sum(rate(process_cpu_seconds_total{{job=~"{jobs}"}}[{WINDOW}]))'


# Left half: what Barograph takes beside what it watches. Right half: what is stored, at which price.
_BAROGRAPH = [
    Kpi(BAROGRAPH, "Barograph CPU", "cores", _cpu(_OURS)),
    Kpi(BAROGRAPH, "Quai CPU", "cores", _cpu(_THEIRS)),
    Kpi(BAROGRAPH, "Barograph memory", "bytes", f'sum(process_resident_memory_bytes{{job=~"{_OURS}"}})'),
    Kpi(BAROGRAPH, "Quai memory", "bytes", f'sum(process_resident_memory_bytes{{job=~"{_THEIRS}"}})'),
    Kpi(BAROGRAPH, "series", "count", "baro_store_series"),
    Kpi(BAROGRAPH, "samples stored", "/s", f"sum(rate({_STORED}[{WINDOW}]))"),
    Kpi(BAROGRAPH, "sample on wire", "bytes/sample",
        f'{_rate("baro_ingest_body_bytes_total")} / {_rate("baro_ingest_samples_stored_total")}'),
    Kpi(BAROGRAPH, "sample on disk", "bytes/sample",
        f"sum(baro_store_journal_bytes + baro_store_slot_bytes) / sum({_STORED})"),
]


def all_kpis():
    pressure = _PRESSURE if os.path.exists("/proc/pressure/io") else []
    return _QUAI + _EDGE + _NODE + pressure + _POSTGRES + _BAROGRAPH


@dataclass(frozen=True)
class Promise:
    """An objective, and how it fares."""

    name: str
    objective: float  # 0 ... 1
    kept: float | None  # share of good events in its window
    left: float | None  # of the budget: 1 untouched, 0 spent
    burn: float | None  # of the last five minutes, in multiples of what the budget allows


# The objectives of alerts/quai/slo.yml as PromQL over the demo's own time, for builds that count none themselves.
_PLAIN = [
    ("quai-edge-availability", 0.999, "1 - (sum(increase(traefik_service_requests_total"
     '{{service=~"quai-.+",code=~"5.."}}[{w}])) or vector(0)) / '
     'sum(increase(traefik_service_requests_total{{service=~"quai-.+"}}[{w}]))'),
    ("quai-catalog-latency", 0.99, 'sum(increase(traefik_service_request_duration_seconds_bucket{{service=~"quai-catalog.*",'
     'code!~"5..",le="0.3"}}[{w}])) / sum(increase(traefik_service_request_duration_seconds_count'
     '{{service=~"quai-catalog.*",code!~"5.."}}[{w}]))'),
    ("quai-order-success", 0.995, 'sum(increase(quai_orders_total{{result="ok"}}[{w}])) / '
     'sum(increase(quai_orders_total{{result=~"ok|error"}}[{w}]))'),
    ("quai-order-latency", 0.95, 'sum(increase(quai_http_request_duration_seconds_bucket{{route="/v1/orders",method="POST",'
     'le="1.0"}}[{w}])) / sum(increase(quai_http_request_duration_seconds_count{{route="/v1/orders",method="POST"}}[{w}]))'),
    ("quai-notification-freshness", 0.99, 'sum(increase(quai_outbox_delay_seconds_bucket{{le="30.0"}}[{w}])) / '
     "sum(increase(quai_outbox_delay_seconds_count[{w}]))"),
]


@dataclass(frozen=True)
class Reading:
    kpi: Kpi
    values: list  # oldest first; None where there is no sample

    @property
    def now(self):
        return self.values[-1] if self.values else None


class Collector:
    """The collector's query API."""

    def __init__(self, url):
        self.url = url

    def is_ready(self):
        try:
            with urllib.request.urlopen(self.url + "/-/ready", timeout=5) as response:
                return response.status == 200
        except OSError:
            return False

    def read(self, kpi, now=None):
        """The KPI over the last minutes. Without an answer every value is None."""
        end = math.floor((now or time.time()) / STEP_SECONDS) * STEP_SECONDS
        start = end - HISTORY_SECONDS
        form = urllib.parse.urlencode({"query": kpi.expression, "start": start, "end": end,
                                       "step": STEP_SECONDS}).encode()
        try:
            with urllib.request.urlopen(self.url + "/api/v1/query_range", form, timeout=10) as response:
                result = json.load(response)["data"]["result"]
        except urllib.error.HTTPError as error:
            raise ValueError(f"{kpi.name}: {kpi.expression}: {error.read().decode()[:300]}") from error
        except OSError:
            result = []
        values = [None] * (HISTORY_SECONDS // STEP_SECONDS + 1)
        for when, value in result[0]["values"] if result else []:
            number = float(value)
            if math.isfinite(number):
                values[round((when - start) / STEP_SECONDS)] = number
        return Reading(kpi, values)

    def _get(self, path):
        try:
            with urllib.request.urlopen(self.url + path, timeout=10) as response:
                return json.load(response).get("data")
        except (OSError, ValueError):
            return None

    def _number(self, expression):
        data = self._get("/api/v1/query?" + urllib.parse.urlencode({"query": expression}))
        if not data or not data["result"]:
            return None
        number = float(data["result"][0]["value"][1])
        return number if math.isfinite(number) else None

    def promises(self):
        """Every objective: as the collector counts it, else by PromQL."""
        counted = self._get("/api/v1/baro/slo?trend=0")
        if counted and counted.get("slos"):
            return [self._counted(slo) for slo in counted["slos"] if slo["groups"]]
        return [self._plain(*plain) for plain in _PLAIN]

    @staticmethod
    def _counted(slo):
        group = slo["groups"][0]
        burn = [window["burn_rate"] for window in group["burn"] if window["window"] == "5m"]
        return Promise(slo["name"], group["objective"], group["sli"], group["budget"]["remaining"], burn[0] if burn else None)

    def _plain(self, name, objective, expression):
        kept = self._number(expression.format(w="1h"))
        lately = self._number(expression.format(w="5m"))
        left = None if kept is None else 1 - (1 - kept) / (1 - objective)
        burn = None if lately is None else (1 - lately) / (1 - objective)
        return Promise(name, objective, kept, left, burn)

    def alerts(self):
        """(name, severity, state, what it says), the firing ones first."""
        data = self._get("/api/v1/alerts") or {"alerts": []}
        rows = [(alert["labels"]["alertname"], alert["labels"].get("severity", ""), alert["state"],
                 alert["annotations"].get("summary", "")) for alert in data["alerts"]]
        return sorted(rows, key=lambda row: (row[2] != "firing", row[1] != "page", row[0]))

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
    unit: str  # percent, bytes, bytes/s, /s, seconds, count, number, cores, bytes/sample
    expression: str


def _rate(metric, selector=""):
    return f"sum(rate({metric}{selector}[{WINDOW}]))"


def _share_of_time(metric):
    return f"100 * sum(rate({metric}[{WINDOW}]))"


NODE, POSTGRES, BAROGRAPH = "THIS NODE", "POSTGRESQL", "BAROGRAPH"

_NODE = [
    Kpi(NODE, "CPU busy", "percent",
        f'100 * (1 - avg(rate(node_cpu_seconds_total{{mode="idle"}}[{WINDOW}])))'),
    Kpi(NODE, "load, 1 minute", "number", "node_load1"),
    Kpi(NODE, "memory used", "percent",
        "100 * (1 - node_memory_MemAvailable_bytes / node_memory_MemTotal_bytes)"),
    Kpi(NODE, "memory available", "bytes", "node_memory_MemAvailable_bytes"),
    Kpi(NODE, "disk read", "bytes/s", _rate("node_disk_read_bytes_total")),
    Kpi(NODE, "disk written", "bytes/s", _rate("node_disk_written_bytes_total")),
    Kpi(NODE, "net received", "bytes/s", _rate("node_network_receive_bytes_total")),
    Kpi(NODE, "net sent", "bytes/s", _rate("node_network_transmit_bytes_total")),
]

# Kernels without pressure stall information have no such files.
_PRESSURE = [
    Kpi(NODE, "waiting for CPU", "percent", _share_of_time("node_pressure_cpu_waiting_seconds_total")),
    Kpi(NODE, "waiting for I/O", "percent", _share_of_time("node_pressure_io_waiting_seconds_total")),
]

_POSTGRES = [
    Kpi(POSTGRES, "transactions", "/s", _rate("pg_stat_database_xact_commit") + " + " +
        _rate("pg_stat_database_xact_rollback")),
    Kpi(POSTGRES, "connections", "count", "sum(pg_stat_database_numbackends)"),
    Kpi(POSTGRES, "cache hit ratio", "percent",
        f'100 * {_rate("pg_stat_database_blks_hit")} / ({_rate("pg_stat_database_blks_hit")} + '
        f'{_rate("pg_stat_database_blks_read")})'),
    Kpi(POSTGRES, "rows read", "/s", _rate("pg_stat_database_tup_fetched")),
    Kpi(POSTGRES, "rows written", "/s", " + ".join(
        _rate(f"pg_stat_database_tup_{what}") for what in ("inserted", "updated", "deleted"))),
    Kpi(POSTGRES, "rollbacks", "/s", _rate("pg_stat_database_xact_rollback")),
    Kpi(POSTGRES, "deadlocks", "count", "sum(pg_stat_database_deadlocks)"),
    Kpi(POSTGRES, "database size", "bytes", "sum(pg_database_size_bytes)"),
    Kpi(POSTGRES, "active sessions", "count", 'sum(pg_stat_activity_count{state="active"})'),
    Kpi(POSTGRES, "locks held", "count", "sum(pg_locks_count)"),
]


_STORED = 'baro_store_samples_total{outcome="stored"}'

# Left half: what is stored at which price. Right half: what the two programs themselves take.
_BAROGRAPH = [
    Kpi(BAROGRAPH, "series", "count", "baro_store_series"),
    Kpi(BAROGRAPH, "samples stored", "/s", f"sum(rate({_STORED}[{WINDOW}]))"),
    Kpi(BAROGRAPH, "sample on wire", "bytes/sample",
        f'{_rate("baro_ingest_body_bytes_total")} / {_rate("baro_ingest_samples_stored_total")}'),
    Kpi(BAROGRAPH, "sample on disk", "bytes/sample",
        f"sum(baro_store_journal_bytes + baro_store_slot_bytes) / sum({_STORED})"),
    Kpi(BAROGRAPH, "targets up", "count", "sum(up)"),
    Kpi(BAROGRAPH, "collector CPU", "cores",
        f'rate(process_cpu_seconds_total{{job="baro-collector"}}[{WINDOW}])'),
    Kpi(BAROGRAPH, "collector memory", "bytes",
        'process_resident_memory_bytes{job="baro-collector"}'),
    Kpi(BAROGRAPH, "agent CPU", "cores",
        f'rate(process_cpu_seconds_total{{job="baro-agent"}}[{WINDOW}])'),
    Kpi(BAROGRAPH, "agent memory", "bytes", 'process_resident_memory_bytes{job="baro-agent"}'),
    Kpi(BAROGRAPH, "slowest scrape", "seconds", "max(scrape_duration_seconds)"),
]


def all_kpis():
    pressure = _PRESSURE if os.path.exists("/proc/pressure/io") else []
    return _NODE + pressure + _POSTGRES + _BAROGRAPH


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

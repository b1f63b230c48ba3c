#!/usr/bin/env python3
"""Gives the same samples to a real Prometheus and to baro-collector, and asks both the same.

usage: query_test.py BARO_COLLECTOR [EXPRESSION]

The peer is $BARO_PROMETHEUS, else /usr/bin/prometheus; without one the test is skipped (exit 77).
Every difference that KNOWN does not explain is a failure.
"""

import json
import os
import sys
import tempfile
import urllib.error
import urllib.parse
import urllib.request

import comparison
import expressions
import remote_write
import servers
import shapes

SKIPPED = 77
START = shapes.START_MS // 1000
INSTANTS = [START + 1800.5, START + 3600, START + 3890, START - 1, START + 60]
RANGES = [(START - 120, START + 3900, 60), (START + 3.2, START + 1800, 13.7)]

# (major version of the peer, None for any; text in the expression, why the answers differ): skipped visibly.
KNOWN = [
    (None, "ln(specials", "Go's logarithm on amd64 is wrong below 2^-1022: ln(5e-324) is -744.44"),
    (2, ":", "2.x evaluates a subquery's left edge, too"),
    (2, "staler", "2.x looks back over exactly 5 min, both edges included"),
    (2, "quantile", "2.x repairs buckets that shrink without a tolerance"),
    (2, "avg", "2.x averages without compensation, and infinities differently"),
    (2, "stddev", "2.x has no compensated variance"),
    (2, "stdvar", "2.x has no compensated variance"),
    (2, "resets", "2.x counts differently across NaN"),
    (2, "atan2", "2.x keeps the metric name"),
    (2, "bottomk(2", "2.x breaks ties in another order"),
    (2, "topk(2, sum", "2.x adds without compensation: equal sums differ in their last digit"),
    (2, "rate(latency", "2.x extrapolates a counter's start to zero in another way"),
    (2, "rate(temperature", "2.x extrapolates a counter's start to zero in another way"),
    (2, "rate(gappy", "2.x extrapolates a counter's start to zero in another way"),
    (2, "increase(temperature", "2.x extrapolates a counter's start to zero in another way"),
    (2, "increase(gappy", "2.x extrapolates a counter's start to zero in another way"),
]


def ask(url, path, parameters):
    query = urllib.parse.urlencode(parameters, doseq=True)
    try:
        with urllib.request.urlopen(f"{url}/api/v1/{path}?{query}", timeout=60) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        text = error.read().decode(errors="replace")
        try:
            return error.code, json.loads(text)
        except json.JSONDecodeError:
            return error.code, {"status": "error", "errorType": "not JSON", "error": text}


def fill(peer, collector):
    everything = shapes.all_series()
    described = b"".join(remote_write.metadata(*entry) for entry in shapes.METADATA)
    for part in shapes.requests_in_time_order(everything):
        body = described + b"".join(remote_write.series(labels, samples) for labels, samples in part)
        for server in (peer, collector):
            status, text = remote_write.write(server.url, body)
            if status not in (200, 204):
                raise RuntimeError(f"{server.name} refused samples: {status} {text}")
    return everything


def known_to(theirs, ours):
    """Ours without what the peer's trees do not have yet: Prometheus adds fields to parse_query's nodes."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        return {key: known_to(theirs[key], value) for key, value in ours.items() if key in theirs}
    if isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        return [known_to(*pair) for pair in zip(theirs, ours)]
    return ours


class Run:
    """Asks, compares and keeps the score."""

    def __init__(self, peer, collector, version):
        self.peer, self.collector, self.version = peer, collector, version
        self.compared = self.skipped = 0
        self.different, self.noted = [], []

    def known(self, expression):
        for major, text, reason in KNOWN:
            if major in (None, self.version[0]) and text in expression:
                return reason
        return None

    def compare(self, path, parameters, ordered=False):
        ours = ask(self.collector.url, path, parameters)
        theirs = ask(self.peer.url, path, parameters)
        if path == "parse_query":
            ours = (ours[0], known_to(theirs[1], ours[1]))
        self.compared += 1
        relative_max = comparison.RELATIVE_MAX[3 if self.version[0] >= 3 else 2]
        found = comparison.differ(ours, theirs, relative_max, ordered)
        if found:
            self.different.append((path, parameters, found))
        elif comparison.notes(ours) != comparison.notes(theirs):
            self.noted.append((path, parameters, comparison.notes(ours), comparison.notes(theirs)))

    def expression(self, text, needs_3=False):
        reason = self.known(text)
        if needs_3 and self.version[0] < 3:
            reason = "needs Prometheus 3"
        if reason:
            self.skipped += 1
            print(f"skipped  {text!r}: {reason}")
            return
        ordered = text.startswith(comparison.KEEPS_ORDER)
        for time in INSTANTS:
            self.compare("query", {"query": text, "time": time}, ordered)
        if self.version[0] >= 3:
            self.compare("parse_query", {"query": text})
            self.compare("format_query", {"query": text})
        for start, end, step in RANGES:
            self.compare("query_range", {"query": text, "start": start, "end": end, "step": step})

    def report(self):
        for path, parameters, found in self.different:
            print(f"DIFFERS  {path} {parameters}\n         {found[:600]}")
        for path, parameters, ours, theirs in self.noted[:20]:
            print(f"note     {path} {parameters}\n         {ours}, {theirs} expected")
        print(
            f"{self.compared} answers compared with Prometheus {'.'.join(map(str, self.version))}: "
            f"{len(self.different)} differ, {len(self.noted)} differ in warnings; "
            f"{self.skipped} expressions skipped"
        )
        return 1 if self.different else 0


def compare_lists(run):
    window = {"start": START, "end": START + 3600}
    selectors = ["up", '{__name__=~".+"}', 'http_requests_total{code="500"}', "nothing_at_all",
                 '{job="api"}', 'odd{_kind=~"q.*"}']
    for selector in selectors:
        run.compare("series", {"match[]": selector, **window})
        run.compare("labels", {"match[]": selector, **window})
        run.compare("label/instance/values", {"match[]": selector, **window})
    run.compare("series", {"match[]": ["up", "build_info"], **window})
    run.compare("labels", window)
    for name in ("__name__", "job", "instance", "text", "le", "nothing", "Upper", "_kind"):
        run.compare(f"label/{name}/values", window)
    for path, parameters in [
        ("series", {}), ("series", {"match[]": "{}"}), ("series", {"match[]": "up{"}),
        ("labels", {"start": "x"}), ("labels", {"match[]": "{}"}),
        ("query", {"query": "up", "time": "x"}),
        ("query_range", {"query": "up", "start": "x", "end": 2, "step": 1}),
        ("query_range", {"query": "up", "start": 3, "end": 2, "step": 1}),
        ("query_range", {"query": "up", "start": 1, "end": 2, "step": 0}),
        ("query_range", {"query": "up", "start": 1, "end": 20_000, "step": 1}),
        ("query", {"query": "up", "timeout": "x"}),
        ("metadata", {"metric": "nothing"}), ("rules", {}), ("alerts", {}), ("alertmanagers", {}),
    ]:
        run.compare(path, parameters)


def main():
    collector_binary = os.path.abspath(sys.argv[1])
    peer_binary = os.environ.get("BARO_PROMETHEUS", "/usr/bin/prometheus")
    if not os.access(peer_binary, os.X_OK):
        print(f"skipped: no Prometheus at {peer_binary}")
        return SKIPPED
    with tempfile.TemporaryDirectory(prefix="baro-differential-") as folder:
        started = []
        try:
            peer, version = servers.start_prometheus(peer_binary, folder)
            started.append(peer)
            collector = servers.start_collector(collector_binary, folder)
            started.append(collector)
            everything = fill(peer, collector)
            samples = sum(len(s) for _, s in everything)
            print(f"{len(everything)} series, {samples} samples in both")
            run = Run(peer, collector, version)
            if len(sys.argv) > 2:
                run.expression(sys.argv[2])
                return run.report()
            for expression, needs_3 in expressions.all_expressions():
                run.expression(expression, needs_3)
            for expression in expressions.WRONG:
                run.compare("query", {"query": expression, "time": START + 1800})
            compare_lists(run)
            code = run.report()
            if collector.stop() != 0:
                print("the collector did not end with 0:\n" + collector.log_text()[-2000:])
                code = 1
            return code
        finally:
            for server in started:
                server.stop()


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
"""The HTTP API beside a real Prometheus': status, headers and shape of every answer, call by call.

usage: http_api_test.py BARO_COLLECTOR

The peer is $BARO_PEERS_DIR/usr/bin/prometheus, else $BARO_PROMETHEUS; without one the test is skipped
(exit 77), with the reason. Both get the same samples by remote write. What DIFFERENCES does not
explain is a failure.
"""

import gzip
import http.client
import json
import os
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
import urllib.parse
import zlib

import remote_write
import servers

SKIPPED = 77
NOW_MS = 1_700_000_000_000
NOW = NOW_MS // 1000
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
ORIGIN = {"Origin": "http://grafana.example"}
# Headers that a client can see a difference by; others name the server or the moment.
COMPARED = ("content-type", "content-encoding", "location", "allow", "access-control-allow-origin",
            "access-control-allow-methods", "access-control-allow-headers",
            "access-control-expose-headers", "x-content-type-options", "cache-control")


class Case:
    """One request. `judge`: exact JSON, shape of the JSON, exact text, or head (status and headers)."""

    def __init__(self, path, parameters=None, method="GET", headers=None, body=None, judge="exact",
                 since=(3, 5)):
        query = urllib.parse.urlencode(parameters or {}, doseq=True)
        self.method, self.headers, self.body = method, dict(headers or {}), body
        self.target = path
        if query and method == "GET":
            self.target += "?" + query
        elif query:
            self.body = query
            self.headers.update(FORM)
        self.judge, self.since = judge, since
        self.name = f"{method} {self.target} {self.headers or ''} {str(self.body or '')[:60]}".strip()


API = "/api/v1/"
TIMED = {"time": NOW}
RANGE = {"start": NOW - 600, "end": NOW, "step": 60}
WINDOW = {"start": NOW - 600, "end": NOW}


def grafana():
    yield Case(API + "query", {"query": "1+1", "time": 4}, "POST")
    yield Case(API + "query", {"query": "1+1", "time": 4})
    yield Case(API + "status/buildinfo", method="POST", judge="text")
    yield Case(API + "status/buildinfo", judge="head")
    yield Case(API + "query_exemplars", {"query": "test", "start": NOW_MS, "end": NOW_MS + 60_000})
    yield Case(API + "query_range", {"query": "up", **RANGE, "timeout": "30s"}, "POST")
    yield Case(API + "labels", {**WINDOW, "limit": 40_000}, "POST")
    yield Case(API + "labels", {**WINDOW, "limit": 0})
    yield Case(API + "labels", {**WINDOW, "match[]": 'up{job="a"}', "limit": 2})
    yield Case(API + "label/job/values", {**WINDOW, "limit": 40_000})
    yield Case(API + "label/job/values", {**WINDOW, "match[]": ["up", "nothing"], "limit": 1})
    yield Case(API + "label/job/values", WINDOW, "POST", judge="text")
    yield Case(API + "label/U__a_2e_b/values", WINDOW)
    yield Case(API + "label/U__zz/values", WINDOW)
    yield Case(API + "label/%C3%A4/values", WINDOW)
    yield Case(API + "series", {**WINDOW, "match[]": '{__name__!=""}', "limit": 40_000}, "POST")
    yield Case(API + "series", {**WINDOW, "match[]": "up", "limit": 100})
    yield Case(API + "metadata", {"limit": 5}, judge="shape")
    yield Case(API + "rules", {"file": "a", "file[]": "a", "rule_group[]": "b", "rule_name[]": "c",
                               "exclude_alerts": "true"})
    yield Case(API + "rules", {"type": "alert", "group_limit": 10})
    yield Case(API + "alerts")
    yield Case("/rules/test/test", judge="text")
    yield Case(API + "query", {"query": "up", **TIMED, "custom": "x", "max_source_resolution": "5m"})


def other_clients():
    # KEDA asks with a time of RFC 3339; prometheus-adapter lists series with a start.
    yield Case(API + "query", {"query": "sum(up)", "time": "2023-11-14T22:13:20Z"})
    yield Case(API + "query", {"query": "nothing", "time": "2023-11-14T22:13:20.000Z"})
    yield Case(API + "series", {"match[]": ['{__name__=~"^req.*",job!=""}'], "start": NOW - 600})
    yield Case(API + "query_range", {"query": "rate(requests_total[5m])", **RANGE}, "POST")
    yield Case(API + "format_query", {"query": "sum by(a)(rate(b[5m]))"}, "POST")
    yield Case(API + "parse_query", {"query": "up"}, "POST", since=(3, 14))
    yield Case(API + "query", {"query": "up", "stats": "all", **TIMED}, judge="head")
    yield Case(API + "query", {"query": "up", "limit": 1, **TIMED}, judge="shape")
    yield Case(API + "query", {"query": "up", "lookback_delta": "1s", "time": NOW + 60})


def status():
    for path in ("targets", "scrape_pools", "alertmanagers", "notifications", "status/walreplay",
                 "status/tsdb/blocks"):
        yield Case(API + path, judge="shape" if "walreplay" in path else "exact",
                   since=(3, 14) if "blocks" in path else (3, 5))
    for state in ("active", "dropped", "any", "bogus"):
        yield Case(API + "targets", {"state": state})
    yield Case(API + "targets/metadata", {"metric": "nothing"})
    yield Case(API + "targets/relabel_steps", since=(3, 14))
    yield Case(API + "targets/relabel_steps", {"scrapePool": "x"}, since=(3, 14))
    yield Case(API + "targets/relabel_steps", {"scrapePool": "x", "labels": "{}"}, since=(3, 14))
    yield Case(API + "status/config", judge="shape")
    yield Case(API + "status/runtimeinfo", judge="shape")
    yield Case(API + "status/tsdb", {"limit": 2}, judge="shape")
    yield Case(API + "status/flags", judge="head")
    yield Case(API + "features", judge="head", since=(3, 14))
    yield Case(API + "openapi.yaml", judge="head", since=(3, 14))
    yield Case(API + "status/self_metrics", {"metric_name_pattern": "process_open_fds"},
               judge="shape", since=(3, 14))
    yield Case(API + "search/metric_names", since=(3, 14))
    yield Case("/version", judge="head")
    yield Case("/-/healthy", judge="head")
    yield Case("/-/healthy", method="HEAD", judge="status")
    yield Case("/-/ready", judge="head")
    yield Case("/-/ready", method="HEAD", judge="status")
    yield Case("/-/reload", judge="text")
    yield Case("/-/quit", judge="text")
    yield Case("/-/quit", method="POST", judge="text")


def mistakes():
    for path, parameters in [
        ("query", {}), ("query", {"query": "up{"}), ("query", {"query": "up", "time": "x"}),
        ("query", {"query": "up", "timeout": "x"}), ("query", {"query": "up", "limit": "x"}),
        ("query", {"query": "up", "limit": "-1"}), ("query", {"query": "up", "limit": "9" * 30}),
        ("query", {"query": "up", "lookback_delta": "x"}),
        ("query_range", {}), ("query_range", {"query": "up", "start": 1}),
        ("query_range", {"query": "up", "start": 2, "end": 1, "step": 1}),
        ("query_range", {"query": "up", "start": 1, "end": 2, "step": 0}),
        ("query_range", {"query": "up", "start": 1, "end": 2, "step": "x"}),
        ("query_range", {"query": "up", "start": 0, "end": 11_001, "step": 1}),
        ("query_exemplars", {"query": "up", "start": 2, "end": 1}), ("query_exemplars", {}),
        ("series", {}), ("series", {"match[]": "{}"}), ("series", {"match[]": "up{"}),
        ("labels", {"match[]": "{}"}), ("labels", {"start": "x"}), ("labels", {"limit": "x"}),
        ("label/job/values", {"end": "x"}), ("metadata", {"limit": "x"}), ("metadata", {"limit": 0}),
        ("metadata", {"limit_per_metric": "x"}), ("targets/metadata", {"limit": "x"}),
        ("status/tsdb", {"limit": 0}), ("status/tsdb", {"limit": "x"}),
        ("format_query", {"query": "up{"}), ("parse_query", {"query": "1+"}),
        ("rules", {"type": "x"}), ("rules", {"exclude_alerts": "x"}),
        ("rules", {"group_limit": "x"}), ("rules", {"group_limit": 0}),
        ("rules", {"group_next_token": "x"}), ("rules", {"match[]": "{}"}),
    ]:
        yield Case(API + path, parameters)
    yield Case(API + "status/tsdb", {"limit": 99_999}, since=(3, 14))
    yield Case(API + "query_exemplars", {"query": "1"}, since=(3, 14), judge="text")
    for target in ("series?match[]=%zz", "series?match[]=up;x", "query?query=%zz&time=4",
                   "query?query=1;a=2", "rules?type=%zz"):
        yield Case(API + target, judge="kind")
    yield Case(API + "label/%FF/values", judge="kind")
    yield Case(API + "nothing", judge="text")
    yield Case("/nothing", judge="text")
    yield Case(API + "query", method="DELETE", judge="text")
    yield Case(API + "query", method="PUT", judge="text")
    yield Case(API + "series", method="DELETE", judge="text", since=(3, 14))
    yield Case("/federate", method="POST", judge="text")
    yield Case(API + "admin/tsdb/delete_series", judge="text")
    yield Case(API + "query", method="POST", headers={"Content-Type": "application/json"}, body="{}")
    yield Case(API + "query", method="POST", headers={}, body="query=1")
    for path in ("delete_series", "clean_tombstones", "snapshot"):
        yield Case(API + "admin/tsdb/" + path, method="POST")


def http_itself():
    yield Case(API + "query?query=1&time=4", {"query": "2"}, "POST")  # the body comes first
    yield Case(API + "query?time=4", {"query": "2"}, "POST")
    multipart = ('--x\r\nContent-Disposition: form-data; name="query"\r\n\r\n1+1\r\n'
                 '--x\r\nContent-Disposition: form-data; name="time"\r\n\r\n4\r\n--x--\r\n')
    yield Case(API + "query", method="POST", body=multipart,
               headers={"Content-Type": "multipart/form-data; boundary=x"})
    for path in (API + "query?query=1&time=4", API + "query?query=", API + "labels", API + "nothing",
                 "/federate", "/-/healthy"):
        yield Case(path, headers=ORIGIN, judge="head")
    for path in (API + "query", API + "nothing", API + "write", "/-/healthy", "/nothing", "/federate"):
        yield Case(path, method="OPTIONS", headers=ORIGIN, judge="text")
        yield Case(path, method="OPTIONS", judge="text")
    for accepted in ("gzip", "deflate", "gzip, br", "identity"):
        yield Case(API + "query_range", {**RANGE, "query": "up", "step": 1},
                   headers={"Accept-Encoding": accepted})
    yield Case(API + "query", {"query": "1", "time": 4, "x": "y" * 500_000})
    yield Case(API + "query", {"query": "1", "time": 4, "x": "y" * 500_000}, "POST")


PARSED = [
    "foo+on(a)group_left(b)bar", "foo[5m+1m]offset-1m", "sum(foo@start())", "foo[1h:1m]@5.5", "topk(3,foo)",
    "-foo", "5m", "1.5e30", "Inf", "NaN", '"x<&>"', "foo[5m]anchored", "foo smoothed", "foo+fill_left(2)bar",
    "foo+fill(1)bar", "foo offset (step()*2)", "rate(foo[5m:1m+30s])", '{"a.b",x!~"y"}', 'info(foo,{a="b"})',
    "+1", "time()", 'label_join(foo,"a","b","c")', 'count_values("x",foo)by(a)', "(foo)", "foo>bool 1", "-1m",
    "foo[5]", "foo offset -(step())", "foo[min_of(1m,max_of(2m,step()))]",
    "foo[range()]", "quantile without(a,b)(0.5,foo)",
    "foo and ignoring(a) bar", "foo unless bar", 'foo{a=~"b|c",d!="e"}', "foo[1h:] offset 1h @ end()",
    "foo % on(a) group_right() bar", "2 ^ 3 ^ 4", "foo[5m * (1 + 2)]", "sum by(a)(rate(foo[5m]))/2",
    "histogram_quantile(0.9,sum by(le)(rate(foo[5m])))", "foo[5m]smoothed", "limitk(2,foo)", "foo atan2 bar",
]


def expressions():
    for text in PARSED:
        yield Case(API + "parse_query", {"query": text}, since=(3, 14))
        yield Case(API + "format_query", {"query": text}, since=(3, 14))
    for query in ("traced", "rate(traced[1m]) + up", "nothing", 'traced{job="b"}'):
        yield Case(API + "query_exemplars", {"query": query, **WINDOW})
        yield Case(API + "query_exemplars", {"query": query}, "POST")
    yield Case(API + "query_exemplars", {"query": "traced", "start": NOW - 20, "end": NOW - 15})


def operations():
    """With the admin and lifecycle APIs on; the last one ends the server."""
    for parameters in ({}, {"match[]": "up{"}, {"match[]": "up", "start": "x"},
                       {"match[]": 'up{job="a"}', "start": NOW - 100, "end": NOW},
                       {"match[]": ["nothing", 'odd_name{x="y"}']}, {"match[]": "{}"}):
        yield Case(API + "admin/tsdb/delete_series", parameters, "POST", judge="text")
    yield Case(API + "admin/tsdb/delete_series?match[]=%zz", method="PUT", judge="kind")
    yield Case(API + "query_range", {"query": "up", **RANGE})
    yield Case(API + "admin/tsdb/clean_tombstones", method="PUT", judge="text")
    yield Case(API + "query_range", {"query": "up", **RANGE})
    yield Case(API + "admin/tsdb/snapshot", {"skip_head": "x"}, "POST")
    yield Case(API + "admin/tsdb/snapshot", {"skip_head": "true"}, "POST", judge="shape")
    yield Case(API + "admin/tsdb/snapshot", method="PUT", judge="shape")
    yield Case("/-/reload", method="POST", judge="text")
    yield Case("/-/reload", method="PUT", judge="text")
    yield Case("/-/quit", method="PUT", judge="text")


def federation():
    for selectors in (["nothing"], ["up{"], []):
        yield Case("/federate", {"match[]": selectors}, judge="text")
    yield Case("/federate", {"match[]": "{}"}, judge="samples")
    yield Case("/federate", {"match[]": '{job="fresh"}'}, judge="samples")
    yield Case("/federate", {"match[]": ['{job="fresh"}', "{fresh!=''}"]}, judge="samples")
    for accept in ("text/plain", "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;"
                   "q=0.6,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,*/*;q=0.2",
                   "text/plain;version=0.0.4;escaping=values", "text/plain;escaping=dots"):
        yield Case("/federate", {"match[]": '{job="fresh"}'}, headers={"Accept": accept},
                   judge="samples")
    proto = ("application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;"
             "encoding=delimited")
    yield Case("/federate", {"match[]": '{job="fresh",n="1"}'}, headers={"Accept": proto},
               judge="bytes")
    yield Case("/federate", {"match[]": '{job="fresh"}'}, headers={"Accept-Encoding": "gzip"},
               judge="head")


# (text in the case's name, what may differ, why). "*" stands for everything.
DIFFERENCES = [
    ("/-/reload", "allow", "a 405 without Allow would break HTTP"),
    ("/-/quit", "allow", "a 405 without Allow would break HTTP"),
    ("/-/reload", "x-content-type-options", "every error in plain text says nosniff"),
    ("/-/quit", "x-content-type-options", "every error in plain text says nosniff"),
    ("status/tsdb/blocks", "body", "there are no blocks here"),
]


def send(url, case):
    host = url.removeprefix("http://")
    connection = http.client.HTTPConnection(host, timeout=30)
    headers = {"Accept-Encoding": "identity", **case.headers}
    body = case.body.encode() if isinstance(case.body, str) else case.body
    connection.request(case.method, case.target, body=body, headers=headers)
    answer = connection.getresponse()
    raw = answer.read()
    found = {}
    for name, value in answer.getheaders():
        found[name.lower()] = ", ".join(filter(None, [found.get(name.lower()), value]))
    connection.close()
    coding = found.get("content-encoding")
    if coding == "gzip":
        raw = gzip.decompress(raw)
    elif coding == "deflate":
        raw = zlib.decompress(raw)
    return answer.status, found, raw


def without_head(allow):
    return ", ".join(m for m in (allow or "").split(", ") if m != "HEAD")


def shape(value):
    """Types of everything, keys of objects; lists by the shapes that occur in them."""
    if isinstance(value, dict):
        return {key: shape(inner) for key, inner in sorted(value.items())}
    if isinstance(value, list):
        return sorted({json.dumps(shape(inner), sort_keys=True) for inner in value})[:1]
    if isinstance(value, bool):
        return "bool"
    return "number" if isinstance(value, (int, float)) else type(value).__name__


def in_order(data):
    """Lists of objects in an order of their own: Prometheus' is that of its index."""
    if isinstance(data, list) and data and isinstance(data[0], dict):
        return sorted(data, key=lambda entry: json.dumps(entry, sort_keys=True))
    if isinstance(data, dict):
        return {key: in_order(value) for key, value in data.items()}
    return data


def judge_body(case, ours, theirs):
    """None, or the difference."""
    if case.judge in ("head", "status") or case.method == "HEAD":
        return None
    if case.judge == "bytes":
        return None if ours == theirs else f"{ours!r}, {theirs!r} expected"
    left, right = ours.decode(errors="replace"), theirs.decode(errors="replace")
    if case.judge == "text":
        return None if left == right else f"{left!r}, {right!r} expected"
    if case.judge == "samples":
        a, b = set(left.splitlines()), set(right.splitlines())
        return None if a == b else f"only ours {sorted(a - b)}, only theirs {sorted(b - a)}"
    try:
        a, b = json.loads(left), json.loads(right)
    except json.JSONDecodeError:
        return f"not JSON: {left[:200]!r}, {right[:200]!r} expected"
    if case.judge == "kind":
        kinds = [(answer["status"], answer.get("errorType")) for answer in (a, b)]
        return None if kinds[0] == kinds[1] else f"{kinds[0]}, {kinds[1]} expected: {left} {right}"
    if case.judge == "shape":
        a, b = shape(a), shape(b)
    else:
        a, b = in_order(a), in_order(b)
    return None if a == b else f"{str(a)[:500]}\n         {str(b)[:500]} expected"


def explained(name, what):
    return next((why for text, field, why in DIFFERENCES if text in name and field in (what, "*")),
                None)


def differences(case, ours, theirs):
    if ours[0] != theirs[0]:
        yield "status", f"{ours[0]} {ours[2][:200]}, {theirs[0]} {theirs[2][:200]} expected"
        return
    if case.judge != "status":
        for header in COMPARED:
            a, b = ours[1].get(header), theirs[1].get(header)
            if header == "allow":
                a, b = without_head(a), without_head(b)
            if a != b:
                yield header, f"{header}: {a}, {b} expected"
        vary = [set(filter(None, side[1].get("vary", "").split(", "))) for side in (ours, theirs)]
        if not vary[0] >= vary[1]:
            yield "vary", f"vary: {vary[0]}, {vary[1]} expected"
    found = judge_body(case, ours[2], theirs[2])
    if found:
        yield "body", found


def traced():
    """A series with exemplars."""
    inner = remote_write.series({"__name__": "traced", "job": "a"}, [(NOW_MS, 1)])
    inner = inner[len(remote_write.field(1, inner)) - len(inner):]
    for i in range(4):
        label = remote_write.field(1, "trace_id") + remote_write.field(2, f"t{i}\"")
        inner += remote_write.field(3, remote_write.field(1, label) + b"\x11" +
                                    struct.pack("<d", i / 3) + b"\x18" +
                                    remote_write.varint(NOW_MS - 20_500 + 1_000 * i))
    return remote_write.field(1, inner)


def fill(peer, collector):
    body = b""
    for i in range(3):
        target = {"job": "ab"[i % 2], "instance": f"i{i}"}
        times = range(NOW_MS - 600_000, NOW_MS + 1, 15_000)
        body += remote_write.series({"__name__": "up", **target}, [(t, i % 2) for t in times])
        body += remote_write.series({"__name__": "requests_total", "code": "200", **target},
                                    [(t, (t - NOW_MS) / 1000 + 600) for t in times])
    body += traced()
    body += remote_write.series({"__name__": "odd.name", "a.b": "c\"d\\e\n<", "ä": "ö"},
                                [(NOW_MS, 0.1)])
    write(body, peer, collector)


def fill_fresh(peer, collector):
    """What federation shows is not older than five minutes."""
    body = b""
    fresh = int(time.time() * 1000) - 60_000
    values = [0, -0.0, 1e6, 123456, 1.5e-7, float("inf"), float("-inf"), float("nan"), 1e21, 0.1]
    for i, value in enumerate(values):
        body += remote_write.series({"__name__": f"fresh_{i % 3}", "job": "fresh", "n": str(i),
                                     "fresh": "q\"\\\n"}, [(fresh, value)])
    body += remote_write.series({"__name__": "fresh.dots", "job": "fresh", "l.b": "x"}, [(fresh, 2)])
    body += remote_write.series({"__name__": "fresh_ended", "job": "fresh"},
                                [(fresh, 2), (fresh + 1, None)])
    body += remote_write.series({"__name__": "fresh_placed", "job": "fresh", "instance": "i",
                                 "cluster": "other"}, [(fresh, 3)])
    write(body, peer, collector)


def write(body, *servers_filled):
    for server in servers_filled:
        answer = remote_write.write(server.url, body)
        if answer[0] not in (200, 204):
            raise RuntimeError(f"{server.name} refused samples: {answer}")


class Run:
    def __init__(self, peer, collector, version):
        self.peer, self.collector, self.version = peer, collector, version
        self.compared, self.skipped, self.failed = 0, 0, 0

    def compare(self, case):
        if self.version < case.since:
            self.skipped += 1
            return
        self.compared += 1
        for what, found in differences(case, send(self.collector.url, case),
                                       send(self.peer.url, case)):
            why = explained(case.name, what)
            if why:
                print(f"known    {case.name[:120]}: {what} ({why})")
                continue
            self.failed += 1
            print(f"DIFFERS  {case.name[:200]}\n         {found[:1200]}")

    def promtool(self, binary):
        if not os.access(binary, os.X_OK):
            print(f"skipped: no promtool at {binary}")
            return
        at = ["--time=" + str(NOW)]
        ends = [f"--start={NOW - 600}", f"--end={NOW}"]
        for command in (["instant", *at, "URL", "sum by (job) (up)"], ["instant", *at, "URL", "1+1"],
                        ["range", *ends, "--step=60s", "URL", "rate(requests_total[5m])"],
                        ["series", "--match=up", *ends, "URL"], ["labels", *ends, "URL", "job"],
                        ["instant", "URL", "up{"]):
            self.compared += 1
            answers = []
            for server in (self.collector, self.peer):
                words = [server.url if word == "URL" else word for word in command]
                done = subprocess.run([binary, "query", *words], capture_output=True, text=True,
                                      check=False)
                answers.append((done.returncode, sorted(done.stdout.splitlines()), done.stderr))
            if answers[0] != answers[1]:
                self.failed += 1
                print(f"DIFFERS  promtool query {command}\n         {answers[0]}\n         "
                      f"{answers[1]} expected")

    def report(self):
        print(f"{self.compared} answers compared with Prometheus {'.'.join(map(str, self.version))}: "
              f"{self.failed} differ; {self.skipped} skipped: newer than this peer")
        return 1 if self.failed else 0


def federated(collector, peer_binary, folder):
    """A real Prometheus scrapes our /federate, by protobuf and by text, and can query it."""
    good = True
    for name, protocols in (("protobuf", "[PrometheusProto]"), ("text", "[PrometheusText0.0.4]")):
        inner = os.path.join(folder, "federating-" + name)
        os.mkdir(inner)
        target = collector.url.removeprefix("http://")
        config = f"""
scrape_configs:
- job_name: federate
  scrape_interval: 1s
  scrape_timeout: 1s
  honor_labels: true
  honor_timestamps: false
  metrics_path: /federate
  scrape_protocols: {protocols}
  params: {{"match[]": ['{{job="fresh"}}']}}
  static_configs: [{{targets: ['{target}']}}]
"""
        scraper, _ = servers.start_prometheus(peer_binary, inner, config)
        try:
            question = urllib.parse.quote('count({job="fresh"})')

            def has_all():
                case = Case(API + "query?query=" + question)
                found = json.loads(send(scraper.url, case)[2])["data"]["result"]
                return bool(found) and found[0]["value"][1] == "12"

            servers.wait_until(has_all, f"Prometheus having federated 12 series by {name}", 30)
        except TimeoutError as error:
            good = False
            print(f"FAILED   {error}: {send(scraper.url, Case(API + 'targets'))[2][:800]}")
        finally:
            scraper.stop()
    return good


def compare_operations(run, peer_binary, collector_binary, folder, started):
    inner = os.path.join(folder, "operations")
    os.mkdir(inner)
    flags = ["--web.enable-admin-api", "--web.enable-lifecycle"]
    peer, version = servers.start_prometheus(peer_binary, inner, flags=flags)
    started.append(peer)
    collector = servers.start_collector(collector_binary, inner, *flags)
    started.append(collector)
    fill(peer, collector)
    inner_run = Run(peer, collector, version)
    for case in operations():
        inner_run.compare(case)
    run.compared += inner_run.compared
    run.failed += inner_run.failed
    servers.wait_until(lambda: not collector.alive(), "the collector having ended by /-/quit")
    if collector.process.returncode != 0:
        run.failed += 1
        print(f"FAILED   /-/quit ended the collector with {collector.process.returncode}")


def give_labels(peer, folder, labels):
    """External labels, by SIGHUP: the lifecycle API stays off."""
    with open(os.path.join(folder, "prometheus.yml"), "w", encoding="utf-8") as file:
        file.write("global:\n  scrape_interval: 1h\n" + labels)
    peer.process.send_signal(signal.SIGHUP)
    config = Case(API + "status/config")
    servers.wait_until(lambda: b"replica" in send(peer.url, config)[2], "the labels being there")


def find_peer():
    folder = os.environ.get("BARO_PEERS_DIR")
    binary = os.environ.get("BARO_PROMETHEUS") or (folder and folder + "/usr/bin/prometheus")
    if not binary:
        return None, "neither BARO_PEERS_DIR nor BARO_PROMETHEUS is set"
    return (binary, None) if os.access(binary, os.X_OK) else (None, f"no Prometheus at {binary}")


def main():
    peer_binary, missing = find_peer()
    if missing:
        print("skipped: " + missing)
        return SKIPPED
    with tempfile.TemporaryDirectory(prefix="baro-http-api-") as folder:
        started = []
        try:
            labels = "  external_labels: {cluster: c1, replica: a}\n"
            flags = ["--enable-feature=exemplar-storage,promql-duration-expr,promql-experimental-functions,"
                     "promql-extended-range-selectors,promql-binop-fill-modifiers"]
            peer, version = servers.start_prometheus(peer_binary, folder, flags=flags)
            started.append(peer)
            give_labels(peer, folder, labels)
            if version < (3, 5):
                print(f"skipped: the peer is {version}, not 3.5 or newer")
                return SKIPPED
            config = os.path.join(folder, "collector.yml")
            with open(config, "w", encoding="utf-8") as file:
                file.write("global:\n" + labels)
            collector = servers.start_collector(os.path.abspath(sys.argv[1]), folder,
                                                "--config.file=" + config,
                                                "--web.enable-lifecycle=false")
            started.append(collector)
            fill(peer, collector)
            run = Run(peer, collector, version)
            for cases in (grafana, other_clients, status, mistakes, expressions, http_itself, federation):
                if cases is federation:
                    fill_fresh(peer, collector)
                for case in cases():
                    run.compare(case)
            run.promtool(os.environ.get("BARO_PROMTOOL") or shutil.which("promtool") or "promtool")
            compare_operations(run, peer_binary, os.path.abspath(sys.argv[1]), folder, started)
            code = run.report()
            if not federated(collector, peer_binary, folder):
                code = 1
            if collector.stop() != 0:
                print("the collector did not end with 0:\n" + collector.log_text()[-2000:])
                code = 1
            return code
        finally:
            for server in started:
                server.stop()


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
"""The same samples and the same rule file in Prometheus and in the collector: recorded series, ALERTS,
ALERTS_FOR_STATE, /api/v1/rules and /api/v1/alerts must be equal, evaluation by evaluation.

Groups are evaluated at times that follow from a hash of file and group, so with one file both servers
evaluate at the same milliseconds. Samples are written ahead, so that neither depends on when they come.

usage: rules_test.py BARO_COLLECTOR
BARO_PROMETHEUS names the peer; without one the test is skipped (exit code 77).
"""

import json
import os
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request

import remote_write
import servers

RUN_SECONDS = 40
SETTLE_SECONDS = 8  # Prometheus writes ALERTS from its third evaluation on

RULES = r"""
groups:
- name: chain
  interval: 1s
  rules:
  - {record: "level:sum", expr: "sum(level)"}
  - {record: "level:double", expr: "level:sum * 2", labels: {kind: double}}
  - {record: "level:high", expr: "level > 5", labels: {instance: ""}}
  - {record: "level:scalar", expr: "1 + 1"}
- name: alerts
  interval: 1s
  labels: {team: none}
  rules:
  - alert: Held
    expr: level > 5
    for: 2s
    keep_firing_for: 3s
    labels: {severity: page, value: "{{ $value }}", where: "{{ $labels.instance | stripPort }}"}
    annotations:
      summary: "{{ $labels.instance }}: {{ $value | humanize }} of {{ with query \"sum(level)\" }}{{ . | first | value }}{{ end }}"
      broken: "{{ first (query \"nothing\") | value }}"
  - {alert: Immediate, expr: "level > 5", annotations: {at: "{{ $externalURL }}"}}
  - {alert: OnAlerts, expr: 'ALERTS{alertname="Immediate",alertstate="firing"} == 1'}
  - {alert: Never, expr: "level > 1000", for: 1h}
  - {alert: Broken, expr: "level + on(job) level > 0"}
  - {alert: Absent, expr: 'absent(nothing{job="x"})', for: 1s}
  - {alert: Same, expr: "level >= 0", labels: {instance: "same"}}
- name: limited
  interval: 2s
  limit: 1
  rules:
  - {record: "level:limited", expr: "level"}
  - {alert: Limited, expr: "level >= 0"}
- name: late
  interval: 1s
  query_offset: 2s
  rules:
  - {record: "level:late", expr: "level", labels: {late: "yes"}}
  - {alert: Late, expr: "level > 5"}
"""

RECORDED = [
    "level:sum",
    "level:double",
    "level:high",
    "level:scalar",
    "level:limited",
    "level:late",
    "ALERTS",
    "ALERTS_FOR_STATE",
]


def get(server, path, **parameters):
    query = urllib.parse.urlencode(parameters, doseq=True)
    try:
        with urllib.request.urlopen(f"{server.url}/api/v1/{path}?{query}", timeout=20) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())


def levels(begin_ms):
    """Two series that go over 5 and back, one that ends, each half second."""
    shapes = {
        "a:1": lambda s: 9.5 if 10 <= s < 18 or 26 <= s < 28 else 1,
        "b:2": lambda s: 6 if 12 <= s < 13 else 2.25,
        "c:3": lambda s: None if 20 <= s < 24 else 7 if 14 <= s < 20 else 3,
    }
    series = []
    for instance, shape in shapes.items():
        samples = []
        stale = False
        for half in range(-20, 2 * RUN_SECONDS + 20):
            value = shape(half / 2)
            if value is None and stale:
                continue
            stale = value is None
            samples.append((begin_ms + half * 500, value))
        labels = {"__name__": "level", "instance": instance, "job": "x"}
        series.append(remote_write.series(labels, samples))
    return series


def raw(server, name, end_ms):
    """All samples of a metric, by labels; stale markers show as gaps."""
    status, answer = get(server, "query", query=f"{name}[{RUN_SECONDS + 20}s]", time=end_ms / 1000)
    assert status == 200, answer
    return {
        json.dumps(series["metric"], sort_keys=True): series["values"]
        for series in answer["data"]["result"]
    }


def within(series, begin_ms, end_ms):
    result = {}
    for labels, samples in series.items():
        kept = [pair for pair in samples if begin_ms <= pair[0] * 1000 <= end_ms]
        if kept:
            result[labels] = kept
    return result


VARYING = {"evaluationTime", "lastEvaluation"}


def comparable(node):
    """Without what differs from run to run; alerts in an order of their own."""
    if isinstance(node, dict):
        return {key: comparable(value) for key, value in node.items() if key not in VARYING}
    if isinstance(node, list):
        items = [comparable(item) for item in node]
        if items and isinstance(items[0], dict) and "activeAt" in items[0]:
            items.sort(key=lambda item: json.dumps(item, sort_keys=True))
        return items
    return node


QUERIES = [
    {},
    {"type": "alert"},
    {"type": "record"},
    {"type": "bogus"},
    {"rule_name[]": ["Held", "level:sum"]},
    {"rule_group[]": "late"},
    {"file[]": "nothing"},
    {"match[]": '{severity="page"}'},
    {"match[]": '{kind=~"d.*"}'},
    {"match[]": "{"},
    {"match[]": '{x=~".*"}'},
    {"exclude_alerts": "true"},
    {"exclude_alerts": "maybe"},
    {"group_limit": "0"},
    {"group_limit": "x"},
    {"group_limit": "99999999999"},
    {"group_next_token": "x"},
    {"group_limit": "2", "group_next_token": "x"},
]


def shapes_differ(a, b):
    """Compares the answers to every query once; the first difference, or None."""
    for parameters in QUERIES:
        left, right = get(a, "rules", **parameters), get(b, "rules", **parameters)
        if (left[0], comparable(left[1])) != (right[0], comparable(right[1])):
            shown = [f"{status} {json.dumps(comparable(body))}" for status, body in (left, right)]
            return f"rules {parameters}:\n  " + "\n  ".join(shown)
    left, right = get(a, "alerts"), get(b, "alerts")
    if comparable(left[1]) != comparable(right[1]):
        return f"alerts:\n  {json.dumps(comparable(left[1]))}\n  {json.dumps(comparable(right[1]))}"
    return None


def pages(server):
    """The groups' names, a page of one at a time."""
    names, token = [], {}
    for _ in range(20):
        status, answer = get(server, "rules", group_limit=1, **token)
        assert status == 200, answer
        names += [group["name"] for group in answer["data"]["groups"]]
        if "groupNextToken" not in answer["data"]:
            return names
        token = {"group_next_token": answer["data"]["groupNextToken"]}
    raise AssertionError("pages without end")


def main():
    collector_binary = os.path.abspath(sys.argv[1])
    prometheus_binary = os.environ.get("BARO_PROMETHEUS", "")
    if not prometheus_binary:
        print("skipped: BARO_PROMETHEUS is not set")
        return 77
    with tempfile.TemporaryDirectory() as folder:
        rules = os.path.join(folder, "rules.yml")
        with open(rules, "w", encoding="utf-8") as file:
            file.write(RULES)
        with open(os.path.join(folder, "collector.yml"), "w", encoding="utf-8") as file:
            file.write(
                f"rule_files: ['{rules}']\n"
            )
        url = "--web.external-url=http://example.com/x"
        prometheus, _ = servers.start_prometheus(
            prometheus_binary,
            folder,
            f"rule_files: ['{rules}']\n",
            (url, "--web.route-prefix=/"),
        )
        collector = servers.start_collector(
            collector_binary, folder, "--config.file=" + os.path.join(folder, "collector.yml"), url,
            "--web.route-prefix=/",
        )
        try:
            return compare(prometheus, collector)
        finally:
            prometheus.stop()
            collector.stop()


def compare(prometheus, collector):
    begin_ms = int(time.time() * 1000)
    series = levels(begin_ms)
    for server in (prometheus, collector):
        status, text = remote_write.write(server.url, b"".join(series))
        assert status in (200, 204), text
    failures = []
    # The answers, while alerts come and go: equal within a second of each other.
    for second in (11.5, 15.5, 19.5, 30.5):
        time.sleep(max(0.0, begin_ms / 1000 + second - time.time()))
        difference = None
        for _ in range(4):
            difference = shapes_differ(prometheus, collector)
            if difference is None:
                break
        if difference is not None:
            failures.append(f"after {second} s: {difference}")
    if pages(collector) != ["alerts", "chain", "late", "limited"]:
        failures.append(f"pages: {pages(collector)}")
    time.sleep(max(0.0, begin_ms / 1000 + RUN_SECONDS - time.time()))
    end_ms = begin_ms + RUN_SECONDS * 1000
    compared = 0
    for name in RECORDED:
        theirs, ours = (
            within(raw(server, name, end_ms), begin_ms + SETTLE_SECONDS * 1000, end_ms - 3000)
            for server in (prometheus, collector)
        )
        compared += sum(len(samples) for samples in theirs.values())
        for labels in sorted(set(theirs) | set(ours)):
            if theirs.get(labels) != ours.get(labels):
                failures.append(
                    f"{name} {labels}:\n  theirs {theirs.get(labels)}\n  ours   {ours.get(labels)}"
                )
    for failure in failures:
        print("DIFFERENT", failure)
    print(f"{compared} samples of rules compared, {len(failures)} differences")
    return 1 if failures or compared < 100 else 0


if __name__ == "__main__":
    sys.exit(main())

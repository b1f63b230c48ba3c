#!/usr/bin/env python3
"""baro-collector takes OTLP as senders send it: three paths, both encodings, deltas that survive kill -9.

usage: otlp_process_test.py BARO_COLLECTOR
"""

import gzip
import json
import os
import random
import signal
import sys
import tempfile
import unittest
import urllib.parse
import urllib.request

import otlp
import remote_read
import remote_write
import servers

BINARY = os.path.abspath(sys.argv[1]) if len(sys.argv) > 1 else ""
SEED = int(os.environ.get("BARO_SEED", random.randrange(1 << 32)))
TIME_MS = 1_700_000_000_000
RESOURCE = {"service.name": "shop", "service.instance.id": "i-1"}


def get(server, path, **parameters):
    query = urllib.parse.urlencode(parameters, doseq=True)
    with urllib.request.urlopen(f"{server.url}/api/v1/{path}?{query}", timeout=30) as answer:
        return json.load(answer)["data"]


def value(server, query, at_ms):
    result = get(server, "query", query=query, time=at_ms / 1000)["result"]
    return float(result[0]["value"][1]) if result else None


def last_histogram(server, name):
    for labels, samples in remote_read.read_all(server.url, TIME_MS - 1, TIME_MS + 3_600_000).items():
        if json.loads(labels)["__name__"] == name:
            return samples[-1][1]
    return None


class OtlpProcess(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="baro-otlp-")
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def start(self):
        server = servers.start_collector(BINARY, self.folder)
        self.addCleanup(server.stop)
        return server

    def send(self, server, *metrics, **how):
        status, text = otlp.send(server.url, otlp.request(otlp.resource(RESOURCE, list(metrics))), **how)
        self.assertEqual(status, 200, text)
        return text

    def test_answers_on_every_path_in_every_encoding(self):
        server = self.start()
        for index, path in enumerate(("/api/v1/otlp/v1/metrics", "/v1/metrics", "/opentelemetry/v1/metrics")):
            for as_json in (False, True):
                point = otlp.point(TIME_MS, index + 1, {"path": path, "json": as_json})
                self.send(server, otlp.gauge("sent", [point]), path=path, as_json=as_json)
        self.assertEqual(value(server, "sum(sent)", TIME_MS), 12)
        body = gzip.compress(otlp.to_protobuf(otlp.request(otlp.resource({}, [otlp.gauge("z", [otlp.point(TIME_MS, 1)])]))))
        status, text = remote_write.post(server.url + "/v1/metrics", body, {
            "Content-Type": "application/x-protobuf", "Content-Encoding": "gzip"})
        self.assertEqual((status, text), (200, ""))
        self.assertEqual(remote_write.post(server.url + "/v1/metrics", b"", {"Content-Type": "text/plain"})[0], 415)

    def test_keeps_exponential_histograms_and_exemplars(self):
        server = self.start()
        exemplar = {"asDouble": 3.5, "timeUnixNano": str(TIME_MS * 1_000_000), "traceId": "5b8efff798038103d269b633813fc60c"}
        point = otlp.point(TIME_MS, labels={"a": "b"}, count="6", sum=21.0, scale=1, zeroCount="1",
                           positive={"offset": 1, "bucketCounts": ["2", "0", "3"]}, exemplars=[exemplar])
        self.send(server, otlp.exponential("latency", [point], "s"))
        histogram = last_histogram(server, "latency_seconds")
        self.assertEqual((histogram["count"], histogram["sum"], histogram["schema"]), (6, "21.0", 1))
        self.assertEqual(histogram["positive"], {"2": 2, "4": 3})
        found = get(server, "query_exemplars", query="latency_seconds", start=TIME_MS / 1000 - 1, end=TIME_MS / 1000 + 1)
        self.assertEqual(found[0]["exemplars"][0]["labels"]["trace_id"], exemplar["traceId"])
        self.assertEqual(found[0]["exemplars"][0]["value"], "3.5")

    def test_adds_deltas_up_across_kills(self):
        """Requests are killed, lost and sent again; the totals are those of all that was sent."""
        chance = random.Random(SEED)
        server = self.start()
        total = {"counter": 0, "count": 0, "buckets": [0, 0, 0], "observations": 0}
        end_ms = TIME_MS
        for round_number in range(40):
            start_ms, end_ms = end_ms, end_ms + 1_000
            added = chance.randint(0, 50)
            buckets = [chance.randint(0, 9) for _ in range(3)]
            metrics = [
                otlp.counter("requests", [otlp.point(end_ms, added, {"path": "/"}, start_ms)], temporality=otlp.DELTA),
                otlp.histogram("duration", [otlp.point(
                    end_ms, labels={}, start_ms=start_ms, count=str(sum(buckets)), sum=float(sum(buckets)),
                    bucketCounts=[str(b) for b in buckets], explicitBounds=[0.1, 1])], "s", otlp.DELTA),
                otlp.exponential("size", [otlp.point(
                    end_ms, labels={}, start_ms=start_ms, count=str(sum(buckets)), sum=float(sum(buckets)),
                    scale=chance.choice((2, 3)), positive={"offset": chance.randint(-5, 5),
                                                           "bucketCounts": [str(b) for b in buckets]})],
                    "By", otlp.DELTA),
            ]
            total["counter"] += added
            total["observations"] += sum(buckets)
            total["buckets"] = [a + b for a, b in zip(total["buckets"], buckets)]
            self.send(server, *metrics)
            if chance.random() < 0.3:  # the answer was lost: the sender sends it again
                self.send(server, *metrics)
            if chance.random() < 0.25:
                server.process.send_signal(chance.choice((signal.SIGKILL, signal.SIGTERM)))
                server.process.wait()
                server = self.start()
                if chance.random() < 0.3:
                    self.send(server, *metrics)
            self.assertEqual(value(server, "requests_total", end_ms), total["counter"], f"round {round_number}")
        self.assertEqual(value(server, 'duration_seconds_bucket{le="0.1"}', end_ms), total["buckets"][0])
        self.assertEqual(value(server, 'duration_seconds_bucket{le="+Inf"}', end_ms), total["observations"])
        self.assertEqual(value(server, "duration_seconds_sum", end_ms), total["observations"])
        histogram = last_histogram(server, "size_bytes")
        self.assertEqual((histogram["count"], float(histogram["sum"])), (total["observations"], total["observations"]))
        self.assertEqual(sum(histogram["positive"].values()), total["observations"])

    def test_reloads_its_rules(self):
        path = os.path.join(self.folder, "c.yml")
        with open(path, "w", encoding="utf-8") as config:
            config.write("otlp: {translation_strategy: NoTranslation}\n")
        server = servers.start_collector(BINARY, self.folder, "--config.file=" + path)
        self.addCleanup(server.stop)
        self.send(server, otlp.counter("a.b", [otlp.point(TIME_MS, 1)], "s"))
        with open(path, "w", encoding="utf-8") as config:
            config.write("otlp: {translation_strategy: UnderscoreEscapingWithSuffixes}\n")
        self.assertEqual(remote_write.post(server.url + "/-/reload", b"")[0], 200)
        self.send(server, otlp.counter("a.b", [otlp.point(TIME_MS, 2)], "s"))
        names = get(server, "label/__name__/values")
        self.assertEqual(names, ["a.b", "a_b_seconds_total"])


if __name__ == "__main__":
    print(f"BARO_SEED={SEED}")
    unittest.main(argv=sys.argv[:1] + sys.argv[2:])

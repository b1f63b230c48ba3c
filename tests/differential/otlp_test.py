#!/usr/bin/env python3
"""Gives the same OTLP requests to a real Prometheus 3 and to baro-collector: the same series, values and times.

usage: otlp_test.py BARO_COLLECTOR

The peer is $BARO_PROMETHEUS, which must be 3.x and take --web.enable-otlp-receiver; without one the test is skipped
(exit 77). docs/formats/otlp.md lists what differs on purpose.
"""

import json
import os
import random
import subprocess
import sys
import tempfile
import time
import unittest
import urllib.parse
import urllib.request

import otlp
import otlp_shapes
import servers

SKIPPED = 77
COLLECTOR = os.path.abspath(sys.argv[1]) if len(sys.argv) > 1 else ""
PROMETHEUS = os.environ.get("BARO_PROMETHEUS", "")
SEED = int(os.environ.get("BARO_SEED", random.randrange(1 << 32)))

CONFIGS = {
    "defaults": "",
    "unescaped": "otlp: {translation_strategy: NoUTF8EscapingWithSuffixes, promote_scope_metadata: true}\n",
    "untranslated": "otlp: {translation_strategy: NoTranslation, promote_all_resource_attributes: true, "
                    "ignore_resource_attributes: [os.type]}\n",
    "promoting": "otlp: {promote_resource_attributes: [host.name, process.pid, a.b, service.name], "
                 "keep_identifying_resource_attributes: true, promote_scope_metadata: true}\n",
    "custom buckets": "otlp: {convert_histograms_to_nhcb: true}\n",
}


def prometheus_version():
    if not os.access(PROMETHEUS, os.X_OK):
        return (0, 0)
    text = subprocess.run([PROMETHEUS, "--version"], capture_output=True, text=True, check=True)
    words = (text.stdout or text.stderr).split("version ")[1].split(".")
    return (int(words[0]), int(words[1]))


def series_of(server, selector, at_s):
    """{labels: samples} of everything in the hour before, samples as they are printed."""
    query = urllib.parse.urlencode({"query": f"{selector}[1h]", "time": at_s})
    with urllib.request.urlopen(f"{server.url}/api/v1/query?{query}", timeout=60) as answer:
        result = json.load(answer)["data"]["result"]
    return {json.dumps(e["metric"], sort_keys=True): e.get("values", []) + e.get("histograms", []) for e in result}


class Differential(unittest.TestCase):
    maxDiff = 2000

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="baro-otlp-")
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        # Whole seconds of the recent past: Prometheus refuses what is too old for its head.
        self.now_s = int(time.time()) - 1800
        self.times = [self.now_s * 1000 + i * 15_000 for i in range(4)]

    def start(self, config):
        peer, _ = servers.start_prometheus(PROMETHEUS, self.folder, config, ["--web.enable-otlp-receiver"])
        self.addCleanup(peer.stop)
        path = os.path.join(self.folder, "collector.yml")
        with open(path, "w", encoding="utf-8") as file:
            file.write(config)
        collector = servers.start_collector(COLLECTOR, self.folder, "--config.file=" + path)
        self.addCleanup(collector.stop)
        return peer, collector

    def compare(self, peer, collector, selector='{__name__=~".+"}'):
        theirs = series_of(peer, selector, self.now_s + 1700)
        ours = series_of(collector, selector, self.now_s + 1700)
        self.assertGreater(len(theirs), 0)
        missing = sorted(theirs.keys() - ours.keys())
        extra = sorted(ours.keys() - theirs.keys())
        self.assertEqual((missing[:5], extra[:5]), ([], []), f"{len(missing)} missing, {len(extra)} extra")
        for labels, samples in theirs.items():
            self.assertEqual(ours[labels], samples, labels)
        return len(theirs)

    def check(self, config, as_json=False):
        peer, collector = self.start(config)
        for name, request in otlp_shapes.all_requests(self.times, SEED).items():
            if as_json and name == "attributes":
                continue  # Python writes Infinity where JSON has none
            for server in (peer, collector):
                status, text = otlp.send(server.url, request, as_json)
                self.assertEqual(status, 200, f"{server.name}, {name}: {text}")
                self.assertIn(text, ("", "{}"), f"{server.name}, {name}")
        count = self.compare(peer, collector)
        print(f"{count} series are the same")

    def test_defaults(self):
        self.check(CONFIGS["defaults"])

    def test_defaults_in_json(self):
        self.check(CONFIGS["defaults"], as_json=True)

    def test_names_without_escaping(self):
        self.check(CONFIGS["unescaped"])

    def test_no_translation(self):
        self.check(CONFIGS["untranslated"])

    def test_promoted_attributes_and_scopes(self):
        self.check(CONFIGS["promoting"])


def main():
    if prometheus_version() < (3, 5):
        print("skipped: BARO_PROMETHEUS names no Prometheus 3.5 or later")
        return SKIPPED
    print(f"BARO_SEED={SEED}")
    result = unittest.main(argv=sys.argv[:1] + sys.argv[2:], exit=False, verbosity=2).result
    return 0 if result.wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main())

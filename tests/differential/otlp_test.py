#!/usr/bin/env python3
"""Gives the same OTLP requests to a real Prometheus 3 and to baro-collector: the same series, values and times.

usage: otlp_test.py BARO_COLLECTOR

The peer is $BARO_OTLP_PEER (go build in otlp_peer/: Prometheus' receiver over its storage), else $BARO_PROMETHEUS, which
must take --web.enable-otlp-receiver: Debian's does not. Without one the test is skipped (exit 77). docs/formats/otlp.md lists what differs on purpose.
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
PEER = os.environ.get("BARO_OTLP_PEER", "")
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


def has_receiver(binary):
    if not os.access(binary, os.X_OK):
        return False
    text = subprocess.run([binary, "--help"], capture_output=True, text=True, check=False)
    return "enable-otlp-receiver" in text.stdout + text.stderr


def start_peer(folder, config):
    if not PEER:
        return servers.start_prometheus(PROMETHEUS, folder, config, ["--web.enable-otlp-receiver"])[0]
    port = servers.free_port()
    with open(os.path.join(folder, "peer.yml"), "w", encoding="utf-8") as file:
        file.write(config)
    server = servers.Server("peer", [PEER, f"127.0.0.1:{port}", "peer.yml", "peer"], folder)
    server.url = f"http://127.0.0.1:{port}"
    servers.wait_until(lambda: server.answers("/-/ready"), "the peer being ready")
    return server


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
        peer = start_peer(self.folder, config)
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
                try:
                    status, text = otlp.send(server.url, request, as_json)
                except OSError as error:
                    self.fail(f"{server.name}, {name}: {error}: {server.log_text()[-2000:]}")
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
    if not PEER and not has_receiver(PROMETHEUS):
        print("skipped: no BARO_OTLP_PEER, and BARO_PROMETHEUS names no Prometheus 3 with an OTLP receiver")
        return SKIPPED
    print(f"BARO_SEED={SEED}")
    result = unittest.main(argv=sys.argv[:1] + sys.argv[2:], exit=False, verbosity=2).result
    return 0 if result.wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main())

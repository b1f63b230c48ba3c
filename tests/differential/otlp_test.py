#!/usr/bin/env python3
"""Gives the same OTLP requests to a real Prometheus 3 and to baro-collector: the same series, values and times.

usage: otlp_test.py BARO_COLLECTOR

The peer is $BARO_OTLP_PEER (go build in otlp_peer/: Prometheus' receiver over its storage), else $BARO_PROMETHEUS where that
takes --web.enable-otlp-receiver: Debian's does not. Without one the answers that the peer once gave to the same requests
stand in for it (testdata/otlp_golden.json.gz; BARO_UPDATE_GOLDEN=1 with a peer writes them anew). docs/formats/otlp.md
lists what differs on purpose.
"""

import gzip
import json
import os
import random
import subprocess
import sys
import tempfile
import unittest
from unittest import mock

import otlp
import otlp_shapes
import remote_read
import servers

COLLECTOR = os.path.abspath(sys.argv[1]) if len(sys.argv) > 1 else ""
PROMETHEUS = os.environ.get("BARO_PROMETHEUS", "")
PEER = os.environ.get("BARO_OTLP_PEER", "")
UPDATE = os.environ.get("BARO_UPDATE_GOLDEN") == "1"
GOLDEN = os.path.join(os.path.dirname(os.path.abspath(__file__)), "testdata", "otlp_golden.json.gz")
GOLDEN_SEED = 1
START_MS = 1_700_000_000_000
TIMES_MS = [START_MS + i * 15_000 for i in range(3)]

CONFIGS = {
    "defaults": "",
    "unescaped": "otlp: {translation_strategy: NoUTF8EscapingWithSuffixes, promote_scope_metadata: true}\n",
    "untranslated": "otlp: {translation_strategy: NoTranslation, promote_all_resource_attributes: true, "
                    "ignore_resource_attributes: [os.type]}\n",
    "promoting": "otlp: {promote_resource_attributes: [host.name, process.pid, a.b, service.name], "
                 "keep_identifying_resource_attributes: true, promote_scope_metadata: true}\n",
    "custom buckets": "otlp: {convert_histograms_to_nhcb: true}\n",
    "strict labels": "otlp: {label_name_underscore_sanitization: false, label_name_preserve_multiple_underscores: false}\n",
}


def has_receiver(binary):
    if not os.access(binary, os.X_OK):
        return False
    text = subprocess.run([binary, "--help"], capture_output=True, text=True, check=False)
    return "enable-otlp-receiver" in text.stdout + text.stderr


HAS_PEER = bool(PEER) or has_receiver(PROMETHEUS)
SEED = GOLDEN_SEED if UPDATE or not HAS_PEER else int(os.environ.get("BARO_SEED", random.randrange(1 << 32)))


def start_peer(folder, config):
    if not PEER:
        flags = ["--web.enable-otlp-receiver"]
        return servers.start_prometheus(PROMETHEUS, folder, config, flags)[0]
    port = servers.free_port()
    with open(os.path.join(folder, "peer.yml"), "w", encoding="utf-8") as file:
        file.write(config)
    server = servers.Server("peer", [PEER, f"127.0.0.1:{port}", "peer.yml", "peer"], folder)
    server.url = f"http://127.0.0.1:{port}"
    servers.wait_until(lambda: server.answers("/-/ready"), "the peer being ready")
    return server


def series_of(server):
    found = remote_read.read_all(server.url, START_MS - 3_600_000, START_MS + 3_600_000)
    for samples in found.values():
        for _, value in samples:
            if isinstance(value, dict):
                del value["bounds"]  # Prometheus' remote read leaves custom bounds out
    return found


def golden():
    with gzip.open(GOLDEN, "rt", encoding="utf-8") as file:
        return json.load(file)


def update_golden(name, series):
    everything = golden() if os.path.exists(GOLDEN) else {}
    everything[name] = series
    os.makedirs(os.path.dirname(GOLDEN), exist_ok=True)
    with open(GOLDEN, "wb") as raw, gzip.GzipFile(filename="", mode="wb", fileobj=raw, mtime=0) as file:
        file.write(json.dumps(everything, sort_keys=True, separators=(",", ":")).encode())


class Differential(unittest.TestCase):
    maxDiff = 2000

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="baro-otlp-")
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def start_collector(self, config):
        path = os.path.join(self.folder, "collector.yml")
        with open(path, "w", encoding="utf-8") as file:
            file.write(config)
        collector = servers.start_collector(COLLECTOR, self.folder, "--config.file=" + path)
        self.addCleanup(collector.stop)
        return collector

    def send_all(self, server, requests, as_json=False):
        for name, request in requests.items():
            try:
                status, text = otlp.send(server.url, request, as_json)
            except OSError as error:
                self.fail(f"{server.name}, {name}: {error}: {server.log_text()[-2000:]}")
            self.assertEqual(status, 200, f"{server.name}, {name}: {text}")
            self.assertIn(text, ("", "{}"), f"{server.name}, {name}")

    def expected(self, name, requests):
        """What the peer has, or had when the golden file was written."""
        if not HAS_PEER:
            return golden()[name]
        peer = start_peer(self.folder, CONFIGS[name])
        self.addCleanup(peer.stop)
        self.send_all(peer, requests)
        theirs = series_of(peer)
        if UPDATE:
            update_golden(name, theirs)
        return theirs

    def compare(self, theirs, ours):
        self.assertGreater(len(theirs), 0)
        missing = sorted(theirs.keys() - ours.keys())
        extra = sorted(ours.keys() - theirs.keys())
        self.assertEqual((missing[:5], extra[:5]), ([], []), f"{len(missing)} missing, {len(extra)} extra")
        for labels, samples in theirs.items():
            self.assertEqual(ours[labels], samples, labels)

    def check(self, name, requests, as_json=False):
        theirs = self.expected(name, requests)
        collector = self.start_collector(CONFIGS[name])
        self.send_all(collector, requests, as_json)
        self.compare(theirs, series_of(collector))

    def test_defaults(self):
        self.check("defaults", otlp_shapes.all_requests(TIMES_MS, SEED))

    def test_defaults_in_json(self):
        self.check("defaults", otlp_shapes.all_requests(TIMES_MS, SEED), as_json=True)

    def test_names_without_escaping(self):
        self.check("unescaped", otlp_shapes.all_requests(TIMES_MS, SEED))

    def test_no_translation(self):
        self.check("untranslated", otlp_shapes.all_requests(TIMES_MS, SEED))

    def test_promoted_attributes_and_scopes(self):
        self.check("promoting", otlp_shapes.all_requests(TIMES_MS, SEED))

    def test_labels_as_the_specification_has_them(self):
        # Names of which nothing is left but underscores fail a whole request of the peer.
        keys = [key for key in otlp_shapes.KEYS if key not in ("_", "é")]
        with mock.patch.object(otlp_shapes, "KEYS", keys):
            self.check("strict labels", otlp_shapes.all_requests(TIMES_MS, SEED))

    def test_histograms_with_custom_buckets(self):
        self.check("custom buckets", {"histograms": otlp_shapes.histograms(TIMES_MS, SEED, full=True)})


def main():
    print(f"BARO_SEED={SEED}, " + ("with a peer" if HAS_PEER else "with what a peer answered once"))
    result = unittest.main(argv=sys.argv[:1] + sys.argv[2:], exit=False, verbosity=2).result
    return 0 if result.wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
"""Rules in a collector that is killed, reloaded and told nonsense.

usage: rules_process_test.py BARO_COLLECTOR
"""

import json
import os
import sys
import tempfile
import time
import unittest
import urllib.error
import urllib.request

import remote_write
import servers

BINARY = os.path.abspath(sys.argv[1]) if len(sys.argv) > 1 else ""

RULES = """
groups:
- name: g
  interval: 1s
  rules:
  - {record: "level:double", expr: "level * 2"}
  - {alert: Pending, expr: "level > 0", for: 1h}
  - {alert: Firing, expr: "level > 0", for: 1s}
  - {alert: Kept, expr: "spike > 0", keep_firing_for: 1h}
"""


def get(server, path):
    with urllib.request.urlopen(server.url + path, timeout=30) as answer:
        return json.load(answer)["data"]


def reload(server):
    request = urllib.request.Request(server.url + "/-/reload", method="POST")
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


class RulesProcess(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="baro-rules-")
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.rules = os.path.join(self.folder, "rules.yml")
        self.put(self.rules, RULES)
        self.put(os.path.join(self.folder, "c.yml"), "rule_files: [rules.yml]\n")

    def put(self, path, text):
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)

    def start(self):
        server = servers.start_collector(
            BINARY, self.folder, "--config.file=" + os.path.join(self.folder, "c.yml"))
        self.addCleanup(server.stop)
        return server

    def write(self, server):
        """`level` for the next two minutes; `spike` for the last seconds only."""
        now_ms = int(time.time() * 1000)
        level = [(now_ms + 1000 * i, 1) for i in range(-5, 120)]
        spike = [(now_ms + 1000 * i, 1) for i in range(-5, 3)] + [(now_ms + 3500, None)]
        body = remote_write.series({"__name__": "level"}, level)
        body += remote_write.series({"__name__": "spike"}, spike)
        status, text = remote_write.write(server.url, body)
        self.assertIn(status, (200, 204), text)

    def alerts(self, server):
        return {a["labels"]["alertname"]: a for a in get(server, "/api/v1/alerts")["alerts"]}

    def test_a_killed_collector_goes_on_with_every_alert(self):
        server = self.start()
        self.write(server)

        def settled():
            alerts = self.alerts(server)
            return (alerts.get("Firing", {}).get("state") == "firing"
                    and "keepFiringSince" in alerts.get("Kept", {}))

        servers.wait_until(settled, "alerts firing and kept")
        before = self.alerts(server)
        server.process.kill()
        server.process.wait()
        server = self.start()
        after = self.alerts(server)
        for name in ("Pending", "Firing", "Kept"):
            for key in ("state", "activeAt", "keepFiringSince", "labels"):
                self.assertEqual(after[name].get(key), before[name].get(key), name)

        def evaluated():
            groups = get(server, "/api/v1/rules")["groups"]
            return groups[0]["rules"][0]["health"] == "ok"

        servers.wait_until(evaluated, "the first evaluation after the start")
        after = self.alerts(server)
        for name in ("Pending", "Firing", "Kept"):
            self.assertEqual(after[name]["activeAt"], before[name]["activeAt"], name)
            self.assertEqual(after[name]["state"], before[name]["state"], name)
        # Slots of the time it was down have been made up for: no gap of more than two seconds.
        now = time.time()
        query = f"/api/v1/query?query=level:double[30s]&time={now}"
        times = [t for t, _ in get(server, query)["result"][0]["values"]]
        gaps = [b - a for a, b in zip(times, times[1:])]
        self.assertLess(max(gaps), 2.1, times)

    def test_a_bad_file_is_named_and_the_old_rules_stay(self):
        server = self.start()
        self.put(self.rules, RULES + "  - {alert: Bad, expr: 'sum('}\n")
        status, text = reload(server)
        self.assertEqual(status, 500)
        self.assertIn(f"{self.rules}:10:24: group \"g\", rule 5, \"Bad\": could not parse expression", text)
        rules = get(server, "/api/v1/rules")["groups"][0]["rules"]
        self.assertEqual([rule["name"] for rule in rules],
                         ["level:double", "Pending", "Firing", "Kept"])
        self.put(self.rules, RULES + "  - {alert: Good, expr: 'up'}\n")
        self.assertEqual(reload(server)[0], 200)
        rules = get(server, "/api/v1/rules")["groups"][0]["rules"]
        self.assertEqual(rules[-1]["name"], "Good")

    def test_a_bad_file_keeps_it_from_starting(self):
        self.put(self.rules, "groups:\n- name: g\n  nonsense: 1\n")
        with self.assertRaises(RuntimeError) as raised:
            self.start()
        self.assertIn("rules.yml:3:3", str(raised.exception))

    def test_metrics_tell_of_groups(self):
        server = self.start()
        self.write(server)

        def told():
            with urllib.request.urlopen(server.url + "/metrics", timeout=30) as answer:
                text = answer.read().decode()
            name = f'baro_rule_evaluations_total{{rule_group="{self.rules};g"}}'
            lines = [line for line in text.splitlines() if line.startswith(name)]
            return bool(lines) and float(lines[0].split()[-1]) >= 4

        servers.wait_until(told, "rules being evaluated")


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)

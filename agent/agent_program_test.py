#!/usr/bin/env python3
"""baro-agent as people run it: exit codes, health, metrics, targets, reload, signals, locked spool.

Usage: agent_program_test.py BARO_AGENT

The collector is a free port that nobody listens on: the agent must start, collect and spool anyway.
"""

import http.server
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import urllib.error
import urllib.request

AGENT = sys.argv.pop(1)
DEADLINE_S = 30


class Exposition(http.server.BaseHTTPRequestHandler):
    """A target with one counter."""

    def do_GET(self):
        body = b"# TYPE app_requests_total counter\napp_requests_total 7\n"
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


class Agent:
    def __init__(self, folder, *flags, config=None):
        self.log = open(os.path.join(folder, "log"), "w+")
        arguments = [AGENT, "--http.listen-address=127.0.0.1:0", "--collector.address=127.0.0.1:1",
                     f"--spool.path={folder}/spool"]
        if config is not None:
            arguments.append(f"--config.file={config}")
        self.process = subprocess.Popen(arguments + list(flags), stderr=self.log)
        self.url = self.await_log(r"answers on (http://[\d.:]+)")

    def await_log(self, pattern):
        deadline = time.monotonic() + DEADLINE_S
        while time.monotonic() < deadline:
            with open(self.log.name) as log:
                found = re.search(pattern, log.read())
            if found:
                return found[1] if found.re.groups else found[0]
            if self.process.poll() is not None:
                break
            time.sleep(0.02)
        with open(self.log.name) as log:
            raise AssertionError(f"no {pattern!r} in the log: {log.read()}")

    def get(self, path, method="GET"):
        request = urllib.request.Request(self.url + path, method=method)
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def await_metric(self, pattern):
        deadline = time.monotonic() + DEADLINE_S
        while time.monotonic() < deadline:
            found = re.search(pattern, self.get("/metrics")[1], re.M)
            if found:
                return found
            time.sleep(0.05)
        raise AssertionError(f"no {pattern!r} in {self.get('/metrics')[1]}")

    def stop(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        code = self.process.wait(DEADLINE_S)
        self.log.close()
        return code


def run(*arguments):
    """Exit code and stderr."""
    done = subprocess.run([AGENT, *arguments], capture_output=True, text=True, timeout=DEADLINE_S)
    return done.returncode, done.stdout, done.stderr


class CommandLine(unittest.TestCase):
    def test_tells_its_version(self):
        code, out, _ = run("--version")
        self.assertEqual(code, 0)
        self.assertRegex(out, r"^baro-agent \d+\.\d+\.\d+ ")

    def test_refuses_wrong_flags_with_one_line_and_2(self):
        for flags in (["--http.listen-address=nowhere"], ["--http.listen-address=a:70000"],
                      ["--http.listen-address=a b:80"], ["--http.listen-address=http://a:80"],
                      ["--http.listen-address=1.2.3.456:80"], ["--collector.address=:80"],
                      ["--collector.address=host:"], ["--collector.address=::1:80"],
                      ["--collector.address=127.0.0.1:0"], ["--log.level=loud"], ["--nonsense"]):
            code, _, err = run(*flags)
            self.assertEqual(code, 2, flags)
            self.assertEqual(len(err.strip().splitlines()), 1, err)

    def test_refuses_an_unreadable_configuration_with_one_line_and_1(self):
        code, _, err = run("--config.file=/nonexistent.yml")
        self.assertEqual((code, err), (
            1, "baro-agent: cannot read /nonexistent.yml: No such file or directory\n"))

    def test_checks_a_configuration(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "a.yml")
            for text, code, said in (
                    ("node: {interval: 1s}\n", 0, "configuration is valid"),
                    ("node: {intervall: 1s}\n", 1, f"{path}:1:8: unknown key \"intervall\""),
                    ("scrape_configs:\n- job_name: a\n  static_configs: [{targets: [a b]}]\n", 1,
                     f"{path}:3:31: cannot scrape target \"a b\""),
                    ("pods: {node: 1}\n", 1, f"{path}:1:8: unknown key \"node\""),
                    ("scrape_configs:\n- job_name: a\n  nonsense: 1\n", 1, f"{path}:3:3: ")):
                with open(path, "w") as file:
                    file.write(text)
                found, out, err = run("--check-config", f"--config.file={path}")
                self.assertEqual(found, code, text)
                self.assertIn(said, out + err)


class Running(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="agent_test_")
        self.addCleanup(shutil.rmtree, self.folder)
        self.config = os.path.join(self.folder, "a.yml")

    def write(self, text):
        with open(self.config, "w") as file:
            file.write(text)

    def test_collects_this_node_without_any_configuration(self):
        agent = Agent(self.folder)
        agent.await_metric(r"^baro_agent_node_passes_total [1-9]")
        self.assertEqual(agent.get("/-/healthy")[0], 200)
        self.assertEqual(agent.get("/-/ready")[0], 200)
        targets = json.loads(agent.get("/targets")[1])
        self.assertIn("cpu", [c["name"] for c in targets["node"]["collectors"]])
        self.assertEqual(targets["activeTargets"], [])
        agent.await_metric(r"^baro_agent_spool_unacknowledged_frames [1-9]")
        self.assertEqual(agent.get("/nothing")[0], 404)
        self.assertEqual(agent.get("/-/reload")[0], 405)
        self.assertEqual(agent.stop(), 0)

    def test_scrapes_and_reloads(self):
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Exposition)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        self.write("node: {interval: 1s}\n")
        agent = Agent(self.folder, config=self.config)
        self.addCleanup(agent.stop)  # when it fails half-way, nothing stays behind that ctest waits for
        agent.await_metric(r"^baro_agent_node_passes_total [1-9]")  # ready from then on
        self.write("node: {interval: 0s}\n")
        code, text = agent.get("/-/reload", "POST")
        self.assertEqual(code, 500)
        self.assertIn("a.yml:1:18: interval must be longer than 0", text)
        self.assertEqual(agent.get("/-/ready")[0], 200)
        self.write("global: {scrape_interval: 1s, external_labels: {cluster: x}}\n"
                   "node: {interval: 1s, collectors: {vmstat: {enabled: false}}}\n"
                   "scrape_configs: [{job_name: app, static_configs: "
                   f"[{{targets: ['127.0.0.1:{server.server_port}']}}]}}]\n")
        code, text = agent.get("/-/reload", "POST")
        self.assertEqual((code, agent.get("/-/ready")[0]), (200, 200), text)
        agent.process.send_signal(signal.SIGHUP)
        agent.await_metric(r'^baro_agent_config_reloads_total{result="success"} 2')
        agent.await_metric(r'^baro_agent_config_reloads_total{result="failure"} 1')
        agent.await_metric(r"^baro_agent_scrape_samples_total [1-9]")
        targets = json.loads(agent.get("/targets")[1])
        self.assertEqual(targets["activeTargets"][0]["labels"]["job"], "app")
        self.assertNotIn("vmstat", [c["name"] for c in targets["node"]["collectors"]])
        server.shutdown()
        server.server_close()
        self.assertEqual(agent.stop(signal.SIGINT), 0)

    def test_shares_neither_spool_nor_port(self):
        agent = Agent(self.folder)
        code, _, err = run(f"--spool.path={self.folder}/spool", "--http.listen-address=127.0.0.1:0")
        self.assertEqual((code, len(err.splitlines())), (1, 1), err)
        self.assertIn("another agent has it", err)
        code, _, err = run(f"--spool.path={self.folder}/other",
                           f"--http.listen-address={agent.url.removeprefix('http://')}")
        self.assertEqual(code, 1)
        self.assertIn("Address already in use", err)
        self.assertEqual(agent.stop(), 0)

    def test_writes_json_lines(self):
        agent = Agent(self.folder, "--log.format=json")
        agent.await_metric(r"^baro_agent_node_passes_total [1-9]")
        self.assertEqual(agent.stop(), 0)
        with open(os.path.join(self.folder, "log")) as log:
            lines = [json.loads(line) for line in log]
        self.assertEqual(lines[-1]["message"], "stopped")

    def test_goes_on_after_its_statfs_helper_is_killed(self):
        self.write("node: {interval: 100ms}\n")
        agent = Agent(self.folder, config=self.config)
        agent.await_metric(r"^baro_agent_node_passes_total [1-9]")
        children = f"/proc/{agent.process.pid}/task/{agent.process.pid}/children"
        helpers = set()
        for task in os.listdir(f"/proc/{agent.process.pid}/task"):
            with open(f"/proc/{agent.process.pid}/task/{task}/children") as file:
                helpers |= set(file.read().split())
        self.assertEqual(len(helpers), 1, children)
        os.kill(int(helpers.pop()), signal.SIGKILL)
        passes = float(re.search(r"^baro_agent_node_passes_total (\d+)", agent.get("/metrics")[1],
                                 re.M)[1])
        agent.await_metric(rf"^baro_agent_node_passes_total (?!{int(passes)}$)")
        state = json.loads(agent.get("/targets")[1])["node"]["collectors"]
        self.assertEqual([c["health"] for c in state if c["name"] == "filesystem"], ["up"])
        self.assertEqual(agent.stop(), 0)


if __name__ == "__main__":
    unittest.main()

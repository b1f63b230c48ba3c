#!/usr/bin/env python3
"""baro-collector as a process: how it starts, complains, reloads, ends and comes back.

usage: process_test.py BARO_COLLECTOR
"""

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import unittest
import urllib.request

import remote_write
import servers

BINARY = os.path.abspath(sys.argv[1]) if len(sys.argv) > 1 else ""
TIME_S = 1_700_000_000


def get(server, path):
    with urllib.request.urlopen(server.url + path, timeout=30) as answer:
        return answer.read().decode()


def query(server, text, time=TIME_S + 60):
    answer = json.loads(get(server, f"/api/v1/query?query={text}&time={time}"))
    return [(e["metric"], e["value"][1]) for e in answer["data"]["result"]]


class Process(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="baro-process-")
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def start(self, *flags):
        server = servers.start_collector(BINARY, self.folder, *flags)
        self.addCleanup(server.stop)
        return server

    def refused(self, *flags, store="store"):
        """The exit code and what is said when it cannot start."""
        ended = subprocess.run([BINARY, f"--storage.path={self.folder}/{store}", *flags],
                               capture_output=True, text=True, timeout=60, check=False)
        return ended.returncode, ended.stderr + ended.stdout

    def write(self, server, value, name="m"):
        samples = [(TIME_S * 1000 + i * 1000, value) for i in range(60)]
        status, text = remote_write.write(server.url, remote_write.series({"__name__": name}, samples))
        self.assertEqual(status, 204, text)

    def config(self, text):
        path = os.path.join(self.folder, "c.yml")
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def test_answers_version_and_help(self):
        for flag in ("--version", "--help"):
            ended = subprocess.run([BINARY, flag], capture_output=True, text=True, timeout=60, check=True)
            self.assertIn("baro-collector" if flag == "--version" else "--storage.retention", ended.stdout)

    def test_says_what_is_wrong_with_its_flags(self):
        for flags in (["--nonsense"], ["--storage.retention", "soon"], ["stray"],
                      ["--grpc.listen-address=127.0.0.1:99999"], ["--http.listen-address=nonsense"]):
            code, text = self.refused(*flags)
            self.assertEqual(code, 2, text)
            self.assertFalse(os.path.exists(self.folder + "/store"))

    def test_says_where_the_configuration_is_wrong(self):
        code, text = self.refused("--config.file=" + self.config("global:\n  nonsense: 1\n"))
        self.assertEqual(code, 1)
        self.assertIn("c.yml:2:3", text)
        code, text = self.refused("--config.file=/nonexistent.yml")
        self.assertIn("/nonexistent.yml", text)

    def test_does_not_share_its_folder(self):
        self.start()
        code, text = self.refused("--http.listen-address=127.0.0.1:0", "--grpc.listen-address=127.0.0.1:0")
        self.assertEqual(code, 1)
        self.assertIn("store", text)
        self.assertRegex(text, "another process|in use|lock")

    def test_says_which_port_is_taken(self):
        server = self.start()
        taken = server.url.removeprefix("http://")
        for flag, other in (("--http.listen-address=", "--grpc.listen-address=127.0.0.1:0"),
                            ("--grpc.listen-address=", "--http.listen-address=127.0.0.1:0")):
            code, text = self.refused(flag + taken, other, store="second")
            self.assertEqual(code, 1, text)
            self.assertIn(f"cannot listen on {taken}: Address already in use", text)
            self.assertNotRegex(text, r"(?m)^E\d{4} ")  # gRPC's own log

    def test_listens_on_every_address_when_the_host_is_empty(self):
        server = self.start("--http.listen-address=:0", "--grpc.listen-address=:0")
        self.assertRegex(server.log_text(), r"listening: http=0\.0\.0\.0:\d+ grpc=0\.0\.0\.0:\d+")

    def test_says_that_it_keeps_everything_for_ever(self):
        answer = json.loads(get(self.start(), "/api/v1/status/runtimeinfo"))
        self.assertEqual(answer["data"]["storageRetention"], "for ever")

    def test_survives_being_scraped_while_it_starts(self):
        ports = servers.free_port(), servers.free_port()
        flags = [f"--http.listen-address=127.0.0.1:{ports[0]}", f"--grpc.listen-address=127.0.0.1:{ports[1]}"]
        url = f"http://127.0.0.1:{ports[0]}/metrics"
        ended = threading.Event()

        def scrape():
            while not ended.is_set():
                try:
                    with urllib.request.urlopen(url, timeout=5) as answer:
                        answer.read()
                except OSError:
                    pass

        scrapers = [threading.Thread(target=scrape) for _ in range(4)]
        for scraper in scrapers:
            scraper.start()
        try:
            for _ in range(12):
                started = subprocess.Popen([BINARY, f"--storage.path={self.folder}/scraped", *flags],
                                           stderr=subprocess.DEVNULL)
                try:
                    servers.wait_until(lambda: started.poll() is not None or self.is_ready(ports[0]), "start")
                    started.send_signal(signal.SIGTERM)
                finally:
                    self.assertEqual(started.wait(timeout=60), 0)
        finally:
            ended.set()
            for scraper in scrapers:
                scraper.join()

    @staticmethod
    def is_ready(port):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/-/ready", timeout=5) as answer:
                return answer.status == 200
        except OSError:
            return False

    def test_ends_with_zero_on_sigterm_and_sigint(self):
        for number in (signal.SIGTERM, signal.SIGINT):
            server = self.start()
            server.process.send_signal(number)
            self.assertEqual(server.process.wait(timeout=60), 0)

    def test_has_its_samples_after_an_orderly_restart(self):
        server = self.start()
        self.write(server, 7)
        self.assertEqual(server.stop(), 0)
        self.assertEqual(query(self.start(), "m"), [({"__name__": "m"}, "7")])

    def test_has_what_it_acknowledged_after_a_kill(self):
        server = self.start()
        self.write(server, 8)
        server.process.kill()
        server.process.wait()
        self.assertEqual(query(self.start(), "count_over_time(m[1m])"), [({}, "59")])

    def test_reloads_only_what_is_right(self):
        path = self.config("global: {evaluation_interval: 15s}\n")
        server = self.start("--config.file=" + path)
        self.assertIn("evaluation_interval: 15s", get(server, "/api/v1/status/config"))
        self.config("global: {evaluation_interval: 30s}\n")
        server.process.send_signal(signal.SIGHUP)
        servers.wait_until(lambda: "30s" in get(server, "/api/v1/status/config"), "the reload")
        self.config("nonsense")
        status, text = remote_write.post(server.url + "/-/reload", b"")
        self.assertEqual(status, 500)
        self.assertIn("c.yml:1:1", text)
        self.assertIn("evaluation_interval: 30s", get(server, "/api/v1/status/config"))
        self.assertIn("baro_config_last_reload_successful 0", get(server, "/metrics"))

    def test_tells_its_own_metrics_and_health(self):
        server = self.start("--log.format=json")
        self.write(server, 1)
        text = get(server, "/metrics")
        for name in ("baro_http_requests_total{", "baro_http_request_duration_seconds_bucket{",
                     "baro_remote_write_samples_total 60", "baro_store_samples_total{outcome=\"stored\"} 60",
                     "baro_ingest_agents_connected 0", "process_resident_memory_bytes ",
                     "process_cpu_seconds_total ", "process_start_time_seconds "):
            self.assertIn(name, text)
        self.assertIn("healthy", get(server, "/-/healthy"))
        for line in server.log_text().splitlines():
            json.loads(line)

    def test_compresses_for_who_accepts_it(self):
        server = self.start()
        for i in range(50):
            self.write(server, i, f"metric_{i}")
        request = urllib.request.Request(server.url + "/api/v1/label/__name__/values")
        request.add_header("Accept-Encoding", "gzip")
        with urllib.request.urlopen(request, timeout=30) as answer:
            self.assertIsNone(answer.headers["Content-Encoding"], "a short answer stays as it is")
        request = urllib.request.Request(server.url + '/api/v1/series?match[]={__name__=~".%2B"}')
        request.add_header("Accept-Encoding", "gzip")
        with urllib.request.urlopen(request, timeout=30) as answer:
            self.assertEqual(answer.headers["Content-Encoding"], "gzip")


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0]], verbosity=2)

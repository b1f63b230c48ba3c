"""Real servers as children of the test: started on free loopback ports, ended by their own pid."""

import os
import re
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request

READY_SECONDS = 60
BUILT_BY_HAND = (3, 99, 0)


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def wait_until(condition, what, seconds=READY_SECONDS):
    """Polls `condition` until it is true; there is no other way to see another process get ready."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            raise TimeoutError(f"{what} did not happen within {seconds} s")
        time.sleep(0.02)


class Server:
    def __init__(self, name, command, folder):
        self.name = name
        self.log_path = os.path.join(folder, name + ".log")
        self.log = open(self.log_path, "w", encoding="utf-8")
        self.process = subprocess.Popen(command, stdout=self.log, stderr=self.log, cwd=folder)
        self.url = None

    def log_text(self):
        with open(self.log_path, encoding="utf-8", errors="replace") as log:
            return log.read()

    def alive(self):
        return self.process.poll() is None

    def answers(self, path):
        if not self.alive():
            raise RuntimeError(f"{self.name} ended:\n{self.log_text()[-3000:]}")
        try:
            with urllib.request.urlopen(self.url + path, timeout=5) as answer:
                return answer.status == 200
        except (urllib.error.URLError, OSError):
            return False

    def rss_bytes(self):
        with open(f"/proc/{self.process.pid}/status", encoding="utf-8") as status:
            return int(re.search(r"VmRSS:\s+(\d+)", status.read())[1]) * 1024

    def stop(self):
        """The exit code after SIGTERM."""
        if self.alive():
            self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(timeout=60)
        except subprocess.TimeoutExpired:
            self.process.kill()
            code = self.process.wait()
        self.log.close()
        return code


def start_prometheus(binary, folder, config="", flags=()):
    """`config` is added to the configuration file, `flags` to the command line."""
    version = subprocess.run([binary, "--version"], capture_output=True, text=True, check=True)
    text = version.stdout or version.stderr
    number = re.search(r"version (\d+)\.(\d+)\.(\d+)", text)
    # One built without its number is one built by hand, from the newest source.
    release = tuple(map(int, number.groups())) if number else BUILT_BY_HAND
    major = release[0]
    with open(os.path.join(folder, "prometheus.yml"), "w", encoding="utf-8") as file:
        file.write("global: {scrape_interval: 1h}\n" + config)
    port = free_port()
    command = [
        binary,
        "--config.file=prometheus.yml",
        "--storage.tsdb.path=" + os.path.join(folder, "prometheus"),
        "--storage.tsdb.retention.time=100y",
        f"--web.listen-address=127.0.0.1:{port}",
        "--web.enable-remote-write-receiver",
        "--enable-feature=promql-at-modifier,promql-negative-offset"
        if major < 3
        else "--enable-feature=promql-experimental-functions",
        *flags,
    ]
    server = Server("prometheus", command, folder)
    server.url = f"http://127.0.0.1:{port}"
    wait_until(lambda: server.answers("/-/ready"), "prometheus being ready")
    return server, release


def start_collector(binary, folder, *flags):
    defaults = [
        "--storage.path=" + os.path.join(folder, "store"),
        "--storage.retention=0",
        "--http.listen-address=127.0.0.1:0",
        "--grpc.listen-address=127.0.0.1:0",
    ]
    given = {flag.split("=")[0] for flag in flags}
    command = [binary, *(flag for flag in defaults if flag.split("=")[0] not in given), *flags]
    server = Server("collector", command, folder)

    def listening():
        if not server.alive():
            raise RuntimeError(f"collector ended:\n{server.log_text()[-3000:]}")
        found = re.search(r"listening: http=(\S+)", server.log_text())
        if found:
            server.url = "http://" + found[1]
        return found is not None

    wait_until(listening, "collector listening")
    wait_until(lambda: server.answers("/-/ready"), "collector being ready")
    return server

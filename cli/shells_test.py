#!/usr/bin/env python3
"""Completion in real shells: what TAB leaves on the command line of bash, zsh and fish.

usage: shells_test.py BARO

Each shell runs in a pseudo-terminal and loads the script that `baro completion` prints; a small server stands in for the
collector. Shells that are not installed are skipped, said so, and without any of them the whole test is (exit 77).
"""

import http.server
import json
import os
import pty
import re
import select
import shutil
import sys
import tempfile
import threading
import time
import urllib.parse

SKIPPED = 77
DEADLINE_SECONDS = 5

LABELS = {
    "__name__": ["http_requests_total", "node_load1", "up", "hostile$(touch pwned)"],
    "job": ["node", "api", "it's"],
    "instance": ["a:1", "b:2", "`reboot`"],
}


class Collector(http.server.BaseHTTPRequestHandler):
    def do_GET(self):  # noqa: N802 (the base class names it)
        path = urllib.parse.urlsplit(self.path).path
        found = re.fullmatch(r"/api/v1/label/(\w+)/values", path)
        data = LABELS.get(found[1], []) if found else sorted(LABELS)
        body = json.dumps({"status": "success", "data": data}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments):
        pass


class Shell:
    """A shell in a terminal; `screen` is what it printed since the last question."""

    def __init__(self, command, environment, folder):
        self.pid, self.terminal = pty.fork()
        if self.pid == 0:
            os.chdir(folder)
            os.execvpe(command[0], command, environment)
        self.screen = ""

    def send(self, text):
        os.write(self.terminal, text.encode())

    def wait_for(self, done):
        deadline = time.monotonic() + DEADLINE_SECONDS
        while time.monotonic() < deadline:
            ready, _, _ = select.select([self.terminal], [], [], 0.1)
            if ready:
                try:
                    self.screen += os.read(self.terminal, 65536).decode(errors="replace")
                except OSError:
                    return False
            if done(plain(self.screen)):
                return True
        return False

    def end(self):
        os.kill(self.pid, 9)
        os.waitpid(self.pid, 0)
        os.close(self.terminal)


def plain(text):
    """Without escape sequences."""
    return re.sub(r"\x1b(\[[0-9;?<=>]*[a-zA-Z]|\][^\x07\x1b]*(\x07|\x1b\\)|[()][0-9A-B]|[=>])|[\r\x07\x08\x0f]", "", text)


SHELLS = {
    "bash": (["bash", "--norc", "--noprofile", "-i"], "source <(baro completion bash)\n"),
    "zsh": (["zsh", "-f", "-i"], "source <(baro completion zsh)\n"),
    "fish": (["fish", "--private", "--no-config", "-i"], "baro completion fish | source\n"),
}

# What is typed, and what the line must hold after TAB.
CASES = [
    ("baro que", "baro query "),
    ("baro tsdb card", "baro tsdb cardinality "),
    ("baro range --gra", "baro range --graph"),
    ("baro query up -o js", "-o json"),
    ("baro top queries --by sam", "--by samples"),
    ("baro query 'http_r", "'http_requests_total"),
    ("baro query 'sum(rate(http_r", "'sum(rate(http_requests_total"),
    ("baro query 'histogram_q", "'histogram_quantile"),
    ("baro query 'up{jo", "'up{job=\""),
    ("baro query 'up{job=\"no", "'up{job=\"node\""),
    ("baro query 'sum by (ins", "'sum by (instance"),
    ("baro labels ins", "baro labels instance"),
    ("baro series 'node_l", "'node_load1"),
]
# None of these may end on a command line.
HOSTILE = ("pwned", "reboot", "it's")


def ask(name, typed, environment, folder):
    command, load = SHELLS[name]
    shell = Shell(command, environment, folder)
    try:
        shell.send(load)
        shell.send("echo load''ed\n")
        if not shell.wait_for(lambda screen: "loaded" in screen):
            return "the shell did not start: " + plain(shell.screen)
        shell.screen = ""
        shell.send(typed[0] + "\t")
        wanted = typed[1]
        shell.wait_for(lambda screen: wanted in screen)
        return plain(shell.screen)
    finally:
        shell.end()


def main():
    baro = os.path.abspath(sys.argv[1])
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Collector)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    failed, shells = 0, [name for name in SHELLS if shutil.which(name)]
    for name in SHELLS.keys() - set(shells):
        print(f"skipped: {name} is not installed")
    if not shells:
        return SKIPPED
    with tempfile.TemporaryDirectory(prefix="baro-shells-") as folder:
        os.symlink(baro, os.path.join(folder, "baro"))
        environment = dict(os.environ, PATH=folder + ":" + os.environ["PATH"], TERM="xterm", HOME=folder, LC_ALL="C.UTF-8",
                           BARO_SERVER=f"http://127.0.0.1:{server.server_port}", XDG_CONFIG_HOME=folder, PS1="$ ")
        for name in shells:
            for case in CASES:
                screen = ask(name, case, environment, folder)
                if case[1] not in screen or any(word in screen for word in HOSTILE):
                    failed += 1
                    print(f"FAILED   {name}: {case[0]!r} TAB gives {screen!r}, {case[1]!r} expected")
        print(f"{len(shells) * len(CASES)} completions in {', '.join(shells)}: {failed} failed")
    server.shutdown()
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())

"""Processes of the demo: started in order, watched while it runs, ended in reverse order.

Every process is ended by its own pid. Should the demo itself be killed, the kernel ends them
(PR_SET_PDEATHSIG), so nothing is left behind in any case.
"""

import ctypes
import os
import pathlib
import signal
import socket
import subprocess
import time

PR_SET_PDEATHSIG = 1
STOP_SECONDS_MAX = 15
LOG_LINES_SHOWN = 12


class DemoError(Exception):
    """What went wrong, as the user should read it."""


def free_ports(count):
    """Loopback ports that were free a moment ago, all different."""
    sockets = []
    try:
        for _ in range(count):
            sock = socket.socket()
            sock.bind(("127.0.0.1", 0))
            sockets.append(sock)
        return [sock.getsockname()[1] for sock in sockets]
    finally:
        for sock in sockets:
            sock.close()


def _die_with_parent(parent_pid, ending):
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, ending)
    if os.getppid() != parent_pid:  # it died before we asked
        os._exit(1)


class Fleet:
    """Owns the processes and their logs in `folder`."""

    def __init__(self, folder):
        self._folder = pathlib.Path(folder)
        self._parts = []  # (name, Popen, signal that ends it)

    def start(self, name, command, env=None, ending=signal.SIGTERM):
        """Starts one part; it gets a session of its own, so that Ctrl-C reaches only the demo."""
        parent_pid = os.getpid()
        with open(self.log_path(name), "ab") as log:
            try:
                process = subprocess.Popen(
                    [str(word) for word in command],
                    stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=self._folder,
                    env={**os.environ, **(env or {})}, start_new_session=True,
                    preexec_fn=lambda: _die_with_parent(parent_pid, ending))
            except OSError as error:
                raise DemoError(f"cannot start {name}: {error}") from error
        self._parts.append((name, process, ending))
        return process.pid

    def run(self, name, command, env=None):
        """Runs one step to its end."""
        with open(self.log_path(name), "ab") as log:
            try:
                code = subprocess.call([str(word) for word in command], stdin=subprocess.DEVNULL,
                                       stdout=log, stderr=log, cwd=self._folder,
                                       env={**os.environ, **(env or {})})
            except OSError as error:
                raise DemoError(f"cannot run {name}: {error}") from error
        if code != 0:
            raise DemoError(f"{name} failed with exit code {code}\n{self.log_tail(name)}")

    def check(self):
        """Raises when a part has died."""
        for name, process, _ in self._parts:
            code = process.poll()
            if code is not None:
                how = f"signal {-code}" if code < 0 else f"exit code {code}"
                raise DemoError(f"{name} ended by itself ({how})\n{self.log_tail(name)}")

    def wait_until(self, what, condition, seconds_max):
        """Polls `condition` until it holds. `what` says in the error what was waited for."""
        deadline = time.monotonic() + seconds_max
        while not condition():
            self.check()
            if time.monotonic() > deadline:
                logs = "\n".join(self.log_tail(name) for name, _, _ in self._parts)
                raise DemoError(f"{what} did not happen within {seconds_max} s\n{logs}")
            time.sleep(0.1)

    def stop(self):
        """Ends all parts, the last one first, and waits for each."""
        while self._parts:
            name, process, ending = self._parts.pop()
            if process.poll() is not None:
                continue
            process.send_signal(ending)
            try:
                process.wait(STOP_SECONDS_MAX)
            except subprocess.TimeoutExpired:
                print(f"demo: {name} (pid {process.pid}) did not end within {STOP_SECONDS_MAX} s: killed")
                process.kill()
                process.wait()

    def log_path(self, name):
        return self._folder / f"{name}.log"

    def log_tail(self, name):
        try:
            lines = self.log_path(name).read_text(errors="replace").splitlines()
        except OSError:
            lines = []
        shown = lines[-LOG_LINES_SHOWN:] or ["(empty)"]
        return f"--- last lines of {name}.log\n" + "\n".join(f"    {line[:200]}" for line in shown)

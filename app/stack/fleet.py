"""Processes started in order, watched, and ended in reverse order, each by its own pid.

Should this program itself be killed, the kernel ends them (PR_SET_PDEATHSIG), so nothing is left behind.
"""

import contextlib
import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

PR_SET_PDEATHSIG = 1
STOP_SECONDS_MAX = 25.0
LOG_LINES_SHOWN = 12
POLL_S = 0.1


class StackError(Exception):
    """What went wrong, as the user should read it."""


def free_ports(count: int) -> list[int]:
    """Loopback ports that were free a moment ago, all different."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for sock in sockets:
            sock.bind(("127.0.0.1", 0))
        return [int(sock.getsockname()[1]) for sock in sockets]


def http(
    url: str,
    body: bytes | None = None,
    method: str | None = None,
    headers: Mapping[str, str] | None = None,
    timeout: float = 10,
) -> tuple[int, str]:
    """(status, text); status 0 and the reason when nothing answers."""
    request = urllib.request.Request(url, body, dict(headers or {}), method=method)
    try:
        with urllib.request.urlopen(request, timeout=timeout) as answer:
            return answer.status, answer.read().decode(errors="replace")
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode(errors="replace")
    except OSError as error:
        return 0, str(error)


@dataclass
class Part:
    """One program: how it is started, and the process that runs now."""

    name: str
    command: list[str]
    env: dict[str, str] = field(default_factory=dict)
    ending: signal.Signals = signal.SIGTERM
    process: subprocess.Popen[bytes] | None = None
    hurried: signal.Signals | None = None  # ends it without what a graceful end waits for
    may_end: bool = False  # its end is no error (a drill killed it)

    def running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    @property
    def pid(self) -> int:
        assert self.process is not None  # noqa: S101
        return self.process.pid

    def usage(self) -> tuple[float, int]:
        """CPU seconds and resident bytes of the process and its children; zeros when it is gone."""
        if not self.running():
            return 0.0, 0
        pids, cpu, memory = [self.pid], 0.0, 0
        while pids:
            pid = pids.pop()
            try:
                fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
                cpu += sum(int(ticks) for ticks in fields[11:15]) / os.sysconf("SC_CLK_TCK")
                memory += int(fields[21]) * os.sysconf("SC_PAGE_SIZE")
                for task in Path(f"/proc/{pid}/task").iterdir():
                    pids += [int(child) for child in (task / "children").read_text().split()]
            except (OSError, IndexError):
                continue
        return cpu, memory


def _die_with_parent(parent_pid: int, ending: int) -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, ending)
    if os.getppid() != parent_pid:  # it died before we asked
        os._exit(1)


class Fleet:
    """Owns the processes and their logs in `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._parts: list[Part] = []

    def start(
        self,
        name: str,
        command: Sequence[object],
        env: Mapping[str, str] | None = None,
        ending: signal.Signals = signal.SIGTERM,
        hurried: signal.Signals | None = None,
    ) -> Part:
        """Starts one part; it gets a session of its own, so that Ctrl-C reaches only us."""
        part = Part(name, [str(word) for word in command], dict(env or {}), ending, hurried=hurried)
        self._parts.append(part)
        self.launch(part)
        return part

    def launch(self, part: Part) -> None:
        """(Again) with the same command."""
        parent_pid = os.getpid()
        with self.log_path(part.name).open("ab") as log:
            try:
                part.process = subprocess.Popen(
                    part.command,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    cwd=self.folder,
                    env={**os.environ, **part.env},
                    start_new_session=True,
                    preexec_fn=lambda: _die_with_parent(parent_pid, part.ending),
                )
            except OSError as error:
                raise StackError(f"cannot start {part.name}: {error}") from error
        part.may_end = False

    def part(self, name: str) -> Part:
        return next(part for part in self._parts if part.name == name)

    def parts(self) -> list[Part]:
        return list(self._parts)

    def run(self, name: str, command: Sequence[object], env: Mapping[str, str] | None = None) -> str:
        """Runs one step to its end; its output."""
        try:
            done = subprocess.run(
                [str(word) for word in command],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                cwd=self.folder,
                env={**os.environ, **(env or {})},
                check=False,
            )
        except OSError as error:
            raise StackError(f"cannot run {name}: {error}") from error
        with self.log_path(name).open("ab") as log:
            log.write(done.stdout + done.stderr)
        if done.returncode != 0:
            raise StackError(f"{name} failed with exit code {done.returncode}\n{self.log_tail(name)}")
        return done.stdout.decode(errors="replace")

    def check(self) -> None:
        """Raises when a part has died that should not have."""
        for part in self._parts:
            code = part.process.poll() if part.process else None
            if code is not None and not part.may_end:
                how = f"signal {-code}" if code < 0 else f"exit code {code}"
                raise StackError(f"{part.name} ended by itself ({how})\n{self.log_tail(part.name)}")

    def wait_until(self, what: str, condition: Callable[[], object], seconds_max: float) -> None:
        """Polls `condition` until it holds. `what` says in the error what was waited for."""
        deadline = time.monotonic() + seconds_max
        while not condition():
            self.check()
            if time.monotonic() > deadline:
                logs = "\n".join(self.log_tail(part.name) for part in self._parts)
                raise StackError(f"{what} did not happen within {seconds_max:.0f} s\n{logs}")
            time.sleep(POLL_S)

    def end(self, part: Part, ending: signal.Signals | None = None) -> None:
        """Ends one part and waits for it; `may_end` from then on."""
        part.may_end = True
        if part.process is None or part.process.poll() is not None:
            return
        part.process.send_signal(ending or part.ending)
        try:
            part.process.wait(STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            sys.stderr.write(f"{part.name} (pid {part.pid}) did not end in {STOP_SECONDS_MAX:.0f} s: killed\n")
            part.process.kill()
            part.process.wait()

    def stop(self) -> None:
        """Ends all parts, the last one first."""
        while self._parts:
            part = self._parts.pop()
            self.end(part, part.hurried)

    def log_path(self, name: str) -> Path:
        return self.folder / f"{name}.log"

    def log_tail(self, name: str) -> str:
        try:
            lines = self.log_path(name).read_text(errors="replace").splitlines()
        except OSError:
            lines = []
        shown = lines[-LOG_LINES_SHOWN:] or ["(empty)"]
        return f"--- last lines of {name}.log\n" + "\n".join(f"    {line[:200]}" for line in shown)

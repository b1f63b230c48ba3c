"""Twelve faults, each with the alert that it must raise. What a drill does is real: processes are killed, locks held,
disks filled, limits set by cgroups, connections cut. A drill whose fault this machine cannot make says so.

Windows of burn rates are `SCALE` times shorter here than in alerts/quai, so that a resolve is minutes away, not half an
hour; the rules are the same otherwise. alerts/quai/alerts_test.yml has the true windows, on a clock of its own.
"""

import contextlib
import json
import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from stack.application import Application, Instance
from stack.barograph import ROOT, Barograph
from stack.fleet import Fleet, StackError, http

SCALE = 30
HEALTHY_SECONDS = 45
PAGE_SECONDS_MAX = 120
RESOLVE_SECONDS_MAX = 240
QUIET_SECONDS_MAX = 120
UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
SEGMENTS_MAX = 40
CGROUP_CPU, CGROUP_MEMORY = Path("/sys/fs/cgroup/cpu"), Path("/sys/fs/cgroup/memory")


class CannotError(Exception):
    """This machine cannot make the fault; the text says why."""


def scaled(text: str) -> str:
    """Rules with windows `SCALE` times shorter."""

    def shorter(match: re.Match[str]) -> str:
        return f"[{int(match[1]) * UNITS[match[2]] // SCALE}s]"

    return re.sub(r"\[(\d+)([smhd])\]", shorter, text)


@dataclass
class Scene:
    """What a drill works on."""

    fleet: Fleet
    application: Application
    barograph: Barograph


@dataclass(frozen=True)
class Drill:
    name: str
    fault: str
    alert: str
    severity: str
    inject: Callable[[Scene], contextlib.AbstractContextManager[None]]
    beside: tuple[str, ...] = ()  # alerts that rightly come with it
    hold_s: float = 0  # the fault lasts at least so long


@dataclass
class Outcome:
    drill: Drill
    seconds_to_alert: float | None = None
    seconds_to_resolve: float | None = None
    other_pages: list[str] = field(default_factory=list)
    beside: list[str] = field(default_factory=list)
    explanation: str = ""
    not_run: str = ""
    problem: str = ""

    @property
    def passed(self) -> bool:
        return not self.problem and not self.not_run


@contextmanager
def _payment_errors(scene: Scene) -> Iterator[None]:
    scene.application.set_faults("paysim", error_ratio=0.6)
    yield
    scene.application.set_faults("paysim")


@contextmanager
def _payment_slow(scene: Scene) -> Iterator[None]:
    scene.application.set_faults("paysim", delay_s=2)
    yield
    scene.application.set_faults("paysim")


@contextmanager
def _catalog_slow(scene: Scene) -> Iterator[None]:
    scene.application.set_faults("catalog", delay_s=0.5)
    yield
    scene.application.set_faults("catalog")


@contextmanager
def _postgres_killed(scene: Scene) -> Iterator[None]:
    server = scene.application.postgres.server
    assert server is not None  # noqa: S101
    scene.fleet.end(server, signal.SIGKILL)
    yield
    scene.fleet.wait_until("its last children ending", lambda: not scene.application.postgres.accepts(), 30)
    _launch_postgres(scene)


def _launch_postgres(scene: Scene) -> None:
    """Until it stays: a cluster that was killed waits for its old processes to go."""
    server = scene.application.postgres.server
    assert server is not None  # noqa: S101
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        scene.fleet.launch(server)
        server.may_end = True
        while server.running() and not scene.application.postgres.accepts():
            time.sleep(0.1)
        if server.running():
            server.may_end = False
            return
        time.sleep(0.5)
    raise StackError(f"PostgreSQL does not start again\n{scene.fleet.log_tail('postgres')}")


@contextmanager
def _pool_exhausted(scene: Scene) -> Iterator[None]:
    """Somebody has forgotten a transaction that locks a table: who needs it waits, and keeps a connection."""
    statements = "BEGIN; LOCK TABLE seat_claims, holds IN ACCESS EXCLUSIVE MODE; SELECT pg_sleep(600)"
    session = scene.application.postgres.session("forgotten", statements)
    yield
    killed = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(600)%'"
    scene.application.postgres.execute(f"{killed} AND pid <> pg_backend_pid()")
    scene.fleet.end(session, signal.SIGKILL)


@contextmanager
def _disk_full(scene: Scene) -> Iterator[None]:
    """The file system of PostgreSQL's WAL has no byte left. A file system of its own, in memory, moved under it."""
    server = scene.application.postgres.server
    assert server is not None  # noqa: S101
    wal = scene.fleet.folder / "postgres" / "db" / "pg_wal"
    if os.geteuid() != 0:
        raise CannotError("mounting a small file system takes root")
    aside = wal.with_name("pg_wal.aside")
    scene.fleet.end(server)
    wal.rename(aside)
    wal.mkdir(mode=0o700)
    owner = aside.stat()
    mount = [
        "mount",
        "-t",
        "tmpfs",
        "-o",
        f"size=160m,mode=700,uid={owner.st_uid},gid={owner.st_gid}",
        "quai-wal",
    ]
    if subprocess.run([*mount, str(wal)], capture_output=True, check=False).returncode != 0:
        wal.rmdir()
        aside.rename(wal)
        _launch_postgres(scene)
        raise CannotError("mounting is not permitted here")
    try:
        subprocess.run(["cp", "-a", f"{aside}/.", str(wal)], check=True)
        _launch_postgres(scene)
        server.may_end = True  # it ends itself when it cannot write
        _fill(wal / "somebodys-dump", scene)
        yield
        (wal / "somebodys-dump").unlink()
        if not server.running():
            _launch_postgres(scene)
        server.may_end = False
    finally:
        # Back to the disk, with what was written meanwhile.
        scene.fleet.end(server)
        subprocess.run(["cp", "-a", "--remove-destination", f"{wal}/.", str(aside)], check=True)
        subprocess.run(["umount", str(wal)], check=True)
        wal.rmdir()
        aside.rename(wal)
        _launch_postgres(scene)


def _fill(path: Path, scene: Scene) -> None:
    """To the last byte; WAL then grows into nothing as soon as its files are switched."""
    with path.open("wb") as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(1 << 20))
            file.flush()
    # Segments that were made in advance are used up first.
    message = "SELECT pg_logical_emit_message(true, 'drill', repeat('x', 100000)); SELECT pg_switch_wal()"
    with contextlib.suppress(StackError):
        for _ in range(SEGMENTS_MAX):
            scene.application.postgres.execute(message)


@contextmanager
def _cgroup(base: Path, name: str, limits: dict[str, str], instances: list[Instance]) -> Iterator[Path]:
    group = base / f"baro-drill-{os.getpid()}-{name}"
    try:
        group.mkdir()
        for file, value in limits.items():
            (group / file).write_text(value)
    except OSError as error:
        with contextlib.suppress(OSError):
            group.rmdir()
        raise CannotError(f"no cgroup v1 controller to write to: {error.strerror}") from None
    home = _cgroup_of_self(base)
    try:
        for instance in instances:
            (group / "cgroup.procs").write_text(str(instance.part.pid))
        yield group
    finally:
        for pid in (group / "cgroup.procs").read_text().split():
            with contextlib.suppress(OSError):
                (home / "cgroup.procs").write_text(pid)
        deadline = time.monotonic() + 10
        while True:
            try:
                group.rmdir()
                break
            except OSError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)


def _cgroup_of_self(base: Path) -> Path:
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        if base.name in controllers.split(","):
            return base / path.lstrip("/")
    return base


@contextmanager
def _oom(scene: Scene) -> Iterator[None]:
    """A request that is far too large meets a memory limit: the kernel kills, the supervisor starts anew."""
    instance = scene.application.instances["orders-1"]
    instance.part.may_end = True
    huge = b'{"sailing_id": 1, "seats": [' + b"1," * (10 << 20) + b"1]}"
    headers = {"Authorization": scene.application.api_key, "Content-Type": "application/json"}
    with _cgroup(CGROUP_MEMORY, "oom", {"memory.limit_in_bytes": "24M"}, [instance]):
        http(f"{instance.url}/v1/holds", huge, "POST", headers, timeout=30)
        scene.fleet.wait_until("the kill", lambda: not instance.part.running(), 10)
    scene.fleet.launch(instance.part)
    yield


@contextmanager
def _cpu_throttle(scene: Scene) -> Iterator[None]:
    limits = {"cpu.cfs_period_us": "100000", "cpu.cfs_quota_us": "5000"}
    with _cgroup(CGROUP_CPU, "cpu", limits, scene.application.of("catalog")):
        yield


@contextmanager
def _node_lost(scene: Scene) -> Iterator[None]:
    """Half of what answers customers is gone at once, without a word."""
    lost = [scene.application.instances[name] for name in ("catalog-1", "orders-1")]
    for instance in lost:
        scene.fleet.end(instance.part, signal.SIGKILL)
    yield
    for instance in lost:
        scene.fleet.launch(instance.part)


@contextmanager
def _agent_cut_off(scene: Scene) -> Iterator[None]:
    scene.barograph.relay.cut()
    yield
    scene.barograph.relay.mend()


@contextmanager
def _certificate(scene: Scene) -> Iterator[None]:
    """Of a name that nobody renews. Traefik goes on telling of replaced ones, so the latest of a name counts."""
    scene.application.traefik.renew_certificate(1, "www.quai.example")
    yield
    scene.application.traefik.renew_certificate(90, "www.quai.example")


@contextmanager
def _bad_canary(scene: Scene) -> Iterator[None]:
    canary = scene.application.start_canary(25, {"QUAI_FAULT_ERROR_RATIO": "0.5"})
    yield
    scene.application.set_canary(0)
    scene.fleet.end(canary.part)


EDGE = "QuaiEdgeErrorBudgetBurn"
DRILLS = (
    Drill(
        "payment-errors",
        "the payment provider fails 60 % of the attempts",
        "QuaiOrderBudgetBurn",
        "page",
        _payment_errors,
    ),
    Drill("payment-slow", "the payment provider takes 2 s", "QuaiOrderLatencyBudgetBurn", "page", _payment_slow),
    Drill(
        "catalog-slow", "the catalogue takes half a second more", "QuaiCatalogLatencyBudgetBurn", "page", _catalog_slow
    ),
    Drill("postgres-killed", "kill -9 of PostgreSQL", EDGE, "page", _postgres_killed),
    Drill("pool-exhausted", "a forgotten transaction locks two tables", EDGE, "page", _pool_exhausted),
    Drill("disk-full", "no byte left for the WAL", EDGE, "page", _disk_full),
    Drill("oom", "the kernel kills an orders process at its memory limit", "QuaiProcessRestarted", "ticket", _oom),
    Drill(
        "cpu-throttle",
        "5 % of a core for the catalogue",
        "QuaiCatalogLatencyBudgetBurn",
        "page",
        _cpu_throttle,
        beside=(EDGE,),
    ),
    Drill("node-lost", "kill -9 of one of each service", "QuaiTargetDown", "ticket", _node_lost),
    Drill(
        "agent-cut-off",
        "no connection between agent and collector",
        "QuaiUnwatched",
        "ticket",
        _agent_cut_off,
        hold_s=60,
    ),
    Drill("certificate", "a certificate that ends tomorrow", "QuaiCertificateExpires", "ticket", _certificate),
    Drill("bad-canary", "a new build that fails half its requests gets 25 % of them", EDGE, "page", _bad_canary),
)


class Director:
    """Runs drills one after the other on one scene. `say` tells what happens."""

    def __init__(self, scene: Scene, say: Callable[[str], None], during: Callable[[], None] | None = None) -> None:
        """`during` is called once, when the alert has been told and the fault still lasts."""
        self._scene, self._say, self._during = scene, say, during

    def run(self, drill: Drill) -> Outcome:
        outcome = Outcome(drill)
        self._wait_for_quiet()
        began = time.time()
        try:
            with drill.inject(self._scene):
                self._say(f"{drill.name}: {drill.fault}")
                self._wait_for_alert(outcome, began)
                outcome.explanation = self._explain(drill)
                if self._during:
                    self._during()
                while time.time() < began + drill.hold_s:
                    time.sleep(0.2)
        except CannotError as reason:
            outcome.not_run = str(reason)
            return outcome
        mended = time.time()
        self._say(f"{drill.name}: mended after {mended - began:.0f} s")
        if not outcome.problem:
            self._wait_for_resolve(outcome, mended)
        self._note_others(outcome, began)
        if drill.name == "agent-cut-off":
            self._check_gap(outcome, began, mended)
        return outcome

    def healthy(self, seconds: float) -> list[str]:
        """The names of pages, and of tickets, that were told while nothing was wrong for so long."""
        began = time.time()
        while time.time() < began + seconds:
            self._scene.fleet.check()
            time.sleep(0.5)
        told = [alert for _, alert in self._scene.barograph.pager.told(began) if alert["status"] == "firing"]
        return sorted({f"{alert['labels']['alertname']} ({alert['labels'].get('severity')})" for alert in told})

    def _told(self, name: str, since: float, status: str) -> float | None:
        for when, alert in self._scene.barograph.pager.told(since):
            if alert["labels"]["alertname"] == name and alert["status"] == status:
                return when
        return None

    def _wait(self, seconds_max: float, condition: Callable[[], float | None]) -> float | None:
        deadline = time.monotonic() + seconds_max
        while time.monotonic() < deadline:
            self._scene.fleet.check()
            when = condition()
            if when is not None:
                return when
            time.sleep(0.2)
        return None

    def _wait_for_quiet(self) -> None:
        def quiet() -> float | None:
            firing = self._scene.barograph.query('ALERTS{alertstate=~"firing|pending"}')
            return None if firing else 0.0

        if self._wait(QUIET_SECONDS_MAX + RESOLVE_SECONDS_MAX, quiet) is None:
            firing = [row[0]["alertname"] for row in self._scene.barograph.query("ALERTS")]
            raise StackError(f"alerts before any fault: {', '.join(firing)}")

    def _wait_for_alert(self, outcome: Outcome, began: float) -> None:
        name = outcome.drill.alert
        when = self._wait(PAGE_SECONDS_MAX, lambda: self._told(name, began, "firing"))
        if when is None:
            outcome.problem = f"{name} was not told within {PAGE_SECONDS_MAX} s"
            return
        outcome.seconds_to_alert = when - began
        self._say(f"{outcome.drill.name}: {name} ({outcome.drill.severity}) told after {when - began:.1f} s")

    def _wait_for_resolve(self, outcome: Outcome, mended: float) -> None:
        name = outcome.drill.alert
        when = self._wait(RESOLVE_SECONDS_MAX, lambda: self._told(name, mended, "resolved"))
        if when is None:
            outcome.problem = f"{name} was not resolved within {RESOLVE_SECONDS_MAX} s"
            return
        outcome.seconds_to_resolve = when - mended
        self._say(f"{outcome.drill.name}: resolved {when - mended:.1f} s after the mending")

    def _note_others(self, outcome: Outcome, began: float) -> None:
        drill = outcome.drill
        told = [alert for _, alert in self._scene.barograph.pager.told(began) if alert["status"] == "firing"]
        names = {(alert["labels"]["alertname"], alert["labels"].get("severity")) for alert in told}
        pages = sorted(name for name, severity in names if severity == "page" and name != drill.alert)
        outcome.other_pages = [name for name in pages if name not in drill.beside]
        outcome.beside = sorted(name for name, _ in names if name != drill.alert and name not in outcome.other_pages)
        if outcome.other_pages and not outcome.problem:
            outcome.problem = f"other pages: {', '.join(outcome.other_pages)}"

    def _explain(self, drill: Drill) -> str:
        """The first line of `baro slo explain`, or what the alert itself says."""
        for alert in (self._scene.barograph.get("/api/v1/alerts") or {}).get("alerts", []):
            if alert["labels"]["alertname"] == drill.alert:
                slo = alert["labels"].get("slo")
                detail = self._scene.barograph.get(f"/api/v1/baro/slo/{slo}/explain") if slo else None
                if detail and detail.get("summary"):
                    return str(detail["summary"])
                return str(alert["annotations"].get("summary", ""))
        return ""

    def _check_gap(self, outcome: Outcome, began: float, mended: float) -> None:
        """Every two seconds of the cut have their sample, when the agent has caught up."""
        seconds = int(mended - began)
        expression = f'min(count_over_time(up{{job=~"quai-.+"}}[{seconds}s]))'

        def whole() -> float | None:
            rows = self._scene.barograph.query(expression, mended)
            return rows[0][1] if rows and rows[0][1] >= seconds // 2 - 1 else None

        if self._wait(60, whole) is None:
            rows = self._scene.barograph.query(expression, mended)
            outcome.problem = f"a gap: {rows} samples in {seconds} s, one in two seconds expected"


@contextmanager
def stage(folder: Path, env_dir: Path, bin_dir: Path, say: Callable[[str], None]) -> Iterator[Scene]:
    """Quai under load, and Barograph with the rules of alerts/quai in short windows, healthy for a while."""
    fleet = Fleet(folder)
    rules = []
    for name in ("kpis", "alerts", "burn_rates"):
        path = folder / f"{name}.yml"
        path.write_text(scaled((ROOT / "alerts" / "quai" / f"{name}.yml").read_text()))
        rules.append(path)
    barograph = Barograph(fleet, bin_dir, rules=rules)
    try:
        application = Application(fleet, env_dir)
        say("starting Quai and Barograph")
        application.start()
        barograph.start(application)
        say(f"{HEALTHY_SECONDS} s of healthy load")
        deadline = time.monotonic() + HEALTHY_SECONDS
        fleet.wait_until("healthy load", lambda: time.monotonic() > deadline, HEALTHY_SECONDS + 5)
        yield Scene(fleet, application, barograph)
    finally:
        fleet.stop()
        barograph.close()


def table(outcomes: list[Outcome]) -> str:
    """The results as Markdown."""
    lines = ["| drill | fault | alert | told after | other pages | resolved after | says |",
             "| --- | --- | --- | --- | --- | --- | --- |"]  # fmt: skip
    for outcome in outcomes:
        drill = outcome.drill
        alert = f"{drill.alert} ({drill.severity})"
        if outcome.not_run:
            lines.append(f"| {drill.name} | {drill.fault} | {alert} | not run: {outcome.not_run} | | | |")
            continue
        told, resolved = (
            "-" if seconds is None else f"{seconds:.0f} s"
            for seconds in (outcome.seconds_to_alert, outcome.seconds_to_resolve)
        )
        foreseen = [f"{name} (foreseen)" for name in outcome.beside if name in drill.beside]
        others = ", ".join(outcome.other_pages + foreseen) or "none"
        says = outcome.problem or outcome.explanation
        lines.append(f"| {drill.name} | {drill.fault} | {alert} | {told} | {others} | {resolved} | {says} |")
    return "\n".join(lines) + "\n"


def save(outcomes: list[Outcome], path: Path) -> None:
    """Keeps the raw results beside the table's figures."""
    rows = [{"drill": outcome.drill.name, "told": outcome.seconds_to_alert, "resolved": outcome.seconds_to_resolve,
             "other_pages": outcome.other_pages, "beside": outcome.beside, "problem": outcome.problem,
             "not_run": outcome.not_run} for outcome in outcomes]  # fmt: skip
    path.write_text(json.dumps(rows, indent=1))

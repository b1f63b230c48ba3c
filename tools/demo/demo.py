#!/usr/bin/env python3
"""The running product on this machine: Quai (PostgreSQL, services, Traefik) under load, watched by Barograph.

Everything runs on free loopback ports in a temporary folder and is ended with the demo. Every
number on the screen was collected by baro-agent (or scraped by it), pushed over gRPC, stored by
baro-collector and asked for in PromQL. `./dev demo` calls this file; --once is for CI.
"""

import argparse
import os
import pathlib
import shutil
import signal
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parents[2]
for _folder in ("app", "dashboards"):
    sys.path.insert(0, str(ROOT / _folder))

import kpis  # noqa: E402
import live  # noqa: E402
from screen import Screen  # noqa: E402
from stack import drills  # noqa: E402
from stack.application import Application  # noqa: E402
from stack.barograph import Barograph  # noqa: E402
from stack.fleet import Fleet, StackError  # noqa: E402

VALUES_SECONDS_MAX = 90
PANELS_SECONDS_MAX = 60
REFRESH_SECONDS = 2
# Boards of what a machine may lack: a kubelet; a collector that counts objectives.
ABSENT_WITHOUT = {"pods": "kube_pod_info", "slo-overview": "baro_slo_objective_ratio", "slo-detail": "baro_slo_objective_ratio"}
RULES = ("kpis", "alerts", "burn_rates")


class Interrupted(Exception):
    """Ctrl-C, or somebody ended the demo."""

    def __init__(self, number):
        super().__init__(number)
        self.number = number


def interrupt(number, _frame):
    signal.signal(number, signal.SIG_IGN)  # cleaning up is not interrupted again
    raise Interrupted(number)


def read_all(collector):
    return [collector.read(kpi) for kpi in kpis.all_kpis()]


def wait_for_values(fleet, collector, load_seconds, say):
    """Until every KPI has a value and the load has run for `load_seconds`; the seconds to the first and to all."""
    missing = []
    began = time.monotonic()
    seen = {}

    def complete():
        missing[:] = [reading.kpi for reading in read_all(collector) if reading.now is None]
        if len(missing) < len(kpis.all_kpis()):
            seen.setdefault("first", time.monotonic())
        if missing:
            say(f"waiting for the first values, {len(missing)} of {len(kpis.all_kpis())} to come")
            return False
        seen.setdefault("all", time.monotonic())
        if load_seconds:
            say(f"letting the load run for {load_seconds:.0f} s")
        return time.monotonic() - began >= load_seconds

    try:
        fleet.wait_until("values for every KPI", complete, VALUES_SECONDS_MAX + load_seconds)
    except StackError as error:
        names = "\n".join(f"    {kpi.name}: {kpi.expression}" for kpi in missing)
        raise StackError(f"{error}\nwithout a value:\n{names}") from error
    return seen


def shown_path(bin_dir):
    """As one would type it here."""
    try:
        return bin_dir.relative_to(pathlib.Path.cwd())
    except ValueError:
        return bin_dir


def hints(barograph, bin_dir, live):
    port = barograph.url.rsplit(":", 1)[1]
    lines = [f"  export BARO_SERVER={barograph.url} PATH={shown_path(bin_dir)}:$PATH",
             "  baro range --graph --since 5m 'sum by (result) (rate(quai_orders_total[15s]))'",
             f"  baro status; baro targets; curl localhost:{port}/api/v1/query?query=up"]
    if live:
        lines.append("Ctrl-C ends everything that the demo has started.")
    return lines


class Display:
    """Draws screens: over each other on a terminal, one after the other elsewhere."""

    def __init__(self, color):
        self._said = ""
        self.is_terminal = sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb"
        if color == "auto":
            self.color = self.is_terminal and not os.environ.get("NO_COLOR")
        else:
            self.color = color == "always"
        self._in_place = False

    def say(self, text):
        """A line of progress, on stderr so that the screen alone is on stdout."""
        if sys.stderr.isatty():
            print(f"\r{text}\x1b[K", end="", file=sys.stderr, flush=True)
        elif text != self._said:
            print(text, file=sys.stderr, flush=True)
        self._said = text

    def done_saying(self):
        if sys.stderr.isatty():
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)

    def draw(self, lines):
        if not self.is_terminal:
            print("\n".join(lines) + "\n", flush=True)
            return
        start = "\x1b[H" if self._in_place else "\x1b[?1049h\x1b[H"
        self._in_place = True
        print(start + "\x1b[K\n".join(lines) + "\x1b[K\x1b[J", end="", flush=True)

    def leave(self, lines):
        """Back to the ordinary screen; the last picture stays readable there."""
        if self._in_place:
            print("\x1b[?1049l" + "\n".join(lines), flush=True)
            self._in_place = False

    def render(self, collector, readings, last_lines):
        size = shutil.get_terminal_size((80, 24))
        columns, rows = (size.columns, size.lines) if self.is_terminal else (80, 99)
        sections = ((kpis.QUAI, kpis.EDGE), (kpis.NODE, kpis.POSTGRES), kpis.BAROGRAPH)
        return Screen(columns, self.color).render(readings, sections, collector.promises(), collector.alerts(),
                                                  last_lines, rows)


class Demo:
    """Owns the folder's programs from start to end."""

    def __init__(self, arguments, folder, fleet):
        self._arguments, self._fleet = arguments, fleet
        self._display = Display(arguments.color)
        self._scaled = arguments.drill is not None
        self._began = time.monotonic()
        self.barograph = Barograph(fleet, arguments.bin_dir, rules=self._rules(folder), slos=self._objectives())
        self.application = Application(fleet, arguments.env_dir)
        self.collector = kpis.Collector(self.barograph.url)

    def _objectives(self):
        """With short windows the plain rules are used: objectives are over weeks."""
        return [] if self._scaled else [ROOT / "alerts" / "quai" / "slo.yml"]

    def _rules(self, folder):
        files = [ROOT / "alerts" / "quai" / f"{name}.yml" for name in RULES]
        if not self._scaled:
            return files
        short = []
        for path in files:
            short.append(folder / path.name)
            short[-1].write_text(drills.scaled(path.read_text()))
        return short

    def run(self):
        say = self._display.say
        try:
            say("starting PostgreSQL, Quai and Traefik")
            self.application.start()
            say("starting Alertmanager, collector and agent")
            self.barograph.start(self.application)
            # One screen is right when the rates' window is full; a live one fills while being watched.
            arguments = self._arguments
            load_seconds = (arguments.seconds or kpis.WINDOW_SECONDS) if arguments.once else 0
            seen = wait_for_values(self._fleet, self.collector, load_seconds, say)
        finally:
            self._display.done_saying()
        if self._arguments.drill:
            self._drill()
        elif self._arguments.once:
            self._show_once(seen)
        else:
            self._show_live()

    def _render(self, last_lines):
        return self._display.render(self.collector, read_all(self.collector), last_lines)

    def _show_live(self):
        lines, seconds = [], self._arguments.seconds
        deadline = time.monotonic() + seconds if seconds else None
        try:
            while deadline is None or time.monotonic() < deadline:
                self._fleet.check()
                began = time.monotonic()
                lines = self._render(hints(self.barograph, self._arguments.bin_dir, True))
                self._display.draw(lines)
                time.sleep(max(0.1, REFRESH_SECONDS - (time.monotonic() - began)))
        finally:
            self._display.leave(lines)

    def _show_once(self, seen):
        readings = read_all(self.collector)
        lines = self._display.render(self.collector, readings, hints(self.barograph, self._arguments.bin_dir, False))
        first, every = (f"{seen[key] - self._began:.1f} s" for key in ("first", "all"))
        print("\n".join([*lines, f"from start to the first KPI {first}, to all {len(readings)} {every}"]), flush=True)
        missing = [reading.kpi.name for reading in readings if reading.now is None]
        if missing:
            raise StackError("no value for " + ", ".join(missing))
        self._check_dashboards()

    def _check_dashboards(self):
        """Every expression of dashboards/ has data; boards of what this machine does not have are named."""
        server = live.Server(self.barograph.url)
        absent = [name for name, metric in ABSENT_WITHOUT.items() if not self.barograph.query(f"count({metric})")]
        excuses = live.read_excuses(ROOT / "dashboards" / "testdata" / "excuses.txt")
        boards = [board for board in live.boards([]) if board["uid"] not in absent]
        state = {}

        def complete():
            state["findings"] = [finding for board in boards for finding in live.ask(server, board)]
            state["wrong"] = live.judge(state["findings"], excuses)
            return not state["wrong"]

        try:
            self._fleet.wait_until("data for every panel", complete, PANELS_SECONDS_MAX)
        except StackError as error:
            raise StackError(f"{error}\n" + "\n".join(state["wrong"])) from error
        print(f"dashboards: {len(boards)} boards, {len(state['findings'])} expressions and variables, "
              f"all but {len(excuses)} with data\n"
              f"  (dashboards/testdata/excuses.txt says why; nothing to show here: {', '.join(absent) or 'none'})", flush=True)

    def _drill(self):
        """One fault: what Barograph saw, whom it told, and how it ended."""
        drill = next(drill for drill in drills.DRILLS if drill.name == self._arguments.drill)
        scene = drills.Scene(self._fleet, self.application, self.barograph)

        def say(text):
            print(f"{time.strftime('%H:%M:%S', time.gmtime())}  {text}", flush=True)

        say(f"{drills.HEALTHY_SECONDS} s of healthy load; windows of burn rates are {drills.SCALE} times shorter here")
        deadline = time.monotonic() + drills.HEALTHY_SECONDS
        self._fleet.wait_until("healthy load", lambda: time.monotonic() > deadline, drills.HEALTHY_SECONDS + 5)
        director = drills.Director(scene, say, during=lambda: print("\n".join(self._render([])), flush=True))
        outcome = director.run(drill)
        print(drills.table([outcome]), end="")
        if outcome.problem:
            raise StackError(outcome.problem)


def parse_arguments():
    parser = argparse.ArgumentParser(prog="./dev demo", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin-dir", type=pathlib.Path, default=pathlib.Path("build/release/bin"),
                        help="where baro-agent, baro-collector and baro are")
    parser.add_argument("--env-dir", type=pathlib.Path, default=pathlib.Path("build/app-env"),
                        help="Quai's Python environment (tools/app_env makes it)")
    parser.add_argument("--once", action="store_true",
                        help="print one screen; exit 0 only when every KPI has a value")
    parser.add_argument("--seconds", type=float, help="end by itself after so long; with --once: let the load run so long")
    parser.add_argument("--drill", choices=[drill.name for drill in drills.DRILLS], metavar="NAME",
                        help="inject a fault and follow it to its end: " + ", ".join(drill.name for drill in drills.DRILLS))
    parser.add_argument("--color", choices=("auto", "always", "never"), default="auto")
    arguments = parser.parse_args()
    arguments.bin_dir, arguments.env_dir = arguments.bin_dir.resolve(), arguments.env_dir.absolute()
    for program in ("baro-agent", "baro-collector"):
        if not os.access(arguments.bin_dir / program, os.X_OK):
            parser.error(f"{arguments.bin_dir / program} is missing; ./dev build makes it")
    if not os.access(arguments.env_dir / "bin" / "python", os.X_OK):
        parser.error(f"{arguments.env_dir} is missing; tools/app_env makes it")
    return arguments


def main():
    arguments = parse_arguments()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupt)
    folder = pathlib.Path(tempfile.mkdtemp(prefix="barograph-demo-"))
    folder.chmod(0o755)  # PostgreSQL's user must be able to enter
    fleet = Fleet(folder)
    code, demo = 0, None
    try:
        demo = Demo(arguments, folder, fleet)
        demo.run()
    except Interrupted as stop:
        live = not (arguments.once or arguments.drill) and stop.number == signal.SIGINT
        code = 0 if live else 128 + stop.number
    except StackError as error:
        print(f"demo: {error}", file=sys.stderr)
        code = 1
    finally:
        fleet.stop()
        if demo:
            demo.barograph.close()
        shutil.rmtree(folder, ignore_errors=True)
    return code


if __name__ == "__main__":
    sys.exit(main())

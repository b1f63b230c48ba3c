#!/usr/bin/env python3
"""The running product on this machine: PostgreSQL under load, agent, collector, live KPIs.

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

import kpis
from fleet import DemoError, Fleet, free_ports
from postgres import Postgres
from screen import Screen

READY_SECONDS_MAX = 60
VALUES_SECONDS_MAX = 90
REFRESH_SECONDS = 2

AGENT_CONFIG = """\
global:
  scrape_interval: 2s
  scrape_timeout: 2s
node:
  interval: 1s
scrape_configs:
  - job_name: postgres
    static_configs:
      - targets: ["127.0.0.1:{exporter}"]
  - job_name: baro-collector
    static_configs:
      - targets: ["127.0.0.1:{http}"]
  - job_name: baro-agent
    static_configs:
      - targets: ["127.0.0.1:{agent}"]
"""


class Interrupted(Exception):
    """Ctrl-C, or somebody ended the demo."""

    def __init__(self, number):
        super().__init__(number)
        self.number = number


def interrupt(number, _frame):
    signal.signal(number, signal.SIG_IGN)  # cleaning up is not interrupted again
    raise Interrupted(number)


def start_barograph(fleet, folder, bin_dir, ports):
    """Collector first, so that the agent finds it; either order would do."""
    config = folder / "agent.yaml"
    config.write_text(AGENT_CONFIG.format(exporter=ports["exporter"], http=ports["http"],
                                          agent=ports["agent"]))
    collector = kpis.Collector(f"http://127.0.0.1:{ports['http']}")
    fleet.start("collector", [
        bin_dir / "baro-collector", "--storage.path", folder / "store",
        "--http.listen-address", f"127.0.0.1:{ports['http']}",
        "--grpc.listen-address", f"127.0.0.1:{ports['grpc']}"])
    fleet.wait_until("the collector being ready", collector.is_ready, READY_SECONDS_MAX)
    fleet.start("agent", [
        bin_dir / "baro-agent", "--config.file", config, "--spool.path", folder / "spool",
        "--collector.address", f"127.0.0.1:{ports['grpc']}",
        "--http.listen-address", f"127.0.0.1:{ports['agent']}"])
    return collector


def read_all(collector):
    return [collector.read(kpi) for kpi in kpis.all_kpis()]


def wait_for_values(fleet, collector, load_seconds, say):
    """Until every KPI has a value and the load has run for `load_seconds`; says what is missing."""
    missing = []
    began = time.monotonic()

    def complete():
        missing[:] = [reading.kpi for reading in read_all(collector) if reading.now is None]
        if missing:
            say(f"waiting for the first values, {len(missing)} of {len(kpis.all_kpis())} to come")
        elif load_seconds:
            say(f"letting the load run for {load_seconds:.0f} s")
        return not missing and time.monotonic() - began >= load_seconds

    try:
        fleet.wait_until("values for every KPI", complete, VALUES_SECONDS_MAX + load_seconds)
    except DemoError as error:
        names = "\n".join(f"    {kpi.name}: {kpi.expression}" for kpi in missing)
        raise DemoError(f"{error}\nwithout a value:\n{names}") from error


def shown_path(bin_dir):
    """As one would type it here."""
    try:
        return bin_dir.relative_to(pathlib.Path.cwd())
    except ValueError:
        return bin_dir


def hints(collector, bin_dir, live):
    port = collector.url.rsplit(":", 1)[1]
    lines = [f"  export BARO_SERVER={collector.url} PATH={shown_path(bin_dir)}:$PATH",
             "  baro range --graph --since 5m 'rate(node_cpu_seconds_total[15s])'",
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
        print(start + "".join(f"{line}\x1b[K\n" for line in lines) + "\x1b[J", end="", flush=True)

    def leave(self, lines):
        """Back to the ordinary screen; the last picture stays readable there."""
        if self._in_place:
            print("\x1b[?1049l" + "\n".join(lines), flush=True)
            self._in_place = False

    def screen(self):
        columns = shutil.get_terminal_size((80, 24)).columns if self.is_terminal else 80
        return Screen(columns, self.color)


def render(display, readings, collector, bin_dir, live):
    sections = (kpis.NODE, kpis.POSTGRES, kpis.BAROGRAPH)
    return display.screen().render(readings, sections, hints(collector, bin_dir, live))


def show_live(fleet, collector, display, bin_dir, seconds):
    lines = []
    deadline = time.monotonic() + seconds if seconds else None
    try:
        while deadline is None or time.monotonic() < deadline:
            fleet.check()
            began = time.monotonic()
            lines = render(display, read_all(collector), collector, bin_dir, True)
            display.draw(lines)
            time.sleep(max(0.1, REFRESH_SECONDS - (time.monotonic() - began)))
    finally:
        display.leave(lines)


def show_once(collector, display, bin_dir):
    readings = read_all(collector)
    print("\n".join(render(display, readings, collector, bin_dir, False)), flush=True)
    missing = [reading.kpi.name for reading in readings if reading.now is None]
    if missing:
        raise DemoError("no value for " + ", ".join(missing))


def run(arguments, folder, fleet):
    display = Display(arguments.color)
    exporter, database, http, grpc, agent = free_ports(5)
    ports = {"exporter": exporter, "http": http, "grpc": grpc, "agent": agent}
    try:
        display.say("starting collector and agent")
        collector = start_barograph(fleet, folder, arguments.bin_dir, ports)
        display.say("creating a PostgreSQL and its load")
        Postgres(fleet, folder, database, exporter).start()
        # One screen is right when the rates' window is full; a live one fills while being watched.
        load_seconds = (arguments.seconds or kpis.WINDOW_SECONDS) if arguments.once else 0
        wait_for_values(fleet, collector, load_seconds, display.say)
    finally:
        display.done_saying()
    if arguments.once:
        show_once(collector, display, arguments.bin_dir)
    else:
        show_live(fleet, collector, display, arguments.bin_dir, arguments.seconds)


def parse_arguments():
    parser = argparse.ArgumentParser(prog="./dev demo", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--bin-dir", type=pathlib.Path, default=pathlib.Path("build/release/bin"),
                        help="where baro-agent, baro-collector and baro are")
    parser.add_argument("--once", action="store_true",
                        help="print one screen; exit 0 only when every KPI has a value")
    parser.add_argument("--seconds", type=float, help="end by itself after so long; with --once: let the load run so long")
    parser.add_argument("--color", choices=("auto", "always", "never"), default="auto")
    arguments = parser.parse_args()
    arguments.bin_dir = arguments.bin_dir.resolve()
    for program in ("baro-agent", "baro-collector"):
        if not os.access(arguments.bin_dir / program, os.X_OK):
            parser.error(f"{arguments.bin_dir / program} is missing; ./dev build makes it")
    return arguments


def main():
    arguments = parse_arguments()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupt)
    folder = pathlib.Path(tempfile.mkdtemp(prefix="barograph-demo-"))
    folder.chmod(0o755)  # PostgreSQL's user must be able to enter
    fleet = Fleet(folder)
    code = 0
    try:
        run(arguments, folder, fleet)
    except Interrupted as stop:
        live = not arguments.once and stop.number == signal.SIGINT
        code = 0 if live else 128 + stop.number
    except DemoError as error:
        print(f"demo: {error}", file=sys.stderr)
        code = 1
    finally:
        fleet.stop()
        shutil.rmtree(folder, ignore_errors=True)
    return code


if __name__ == "__main__":
    sys.exit(main())

"""`python -m stack.run_outages`: collector killed, agent cut off, agent killed, all under load: what is missing?

Nothing may be: every two seconds of every target of Quai have their sample (of a killed agent two may be missing per
target), and what the collector says was sold is what services and customers counted. Exit code 0 then, else 1.
"""

import argparse
import os
import re
import signal
import sys
import tempfile
import time
from pathlib import Path

from stack.application import Application
from stack.barograph import ROOT, Barograph
from stack.fleet import Fleet, StackError, http

SCRAPE_S = 2
LOAD_S = 10  # before, between and after the outages
COLLECTOR_KILLS = 3
CUT_S = 20
SETTLE_SECONDS_MAX = 60
KILLED_AGENT_MISSES = 2  # the scrape that was under way, and one while it started


def say(text: str) -> None:
    print(f"{time.strftime('%H:%M:%S', time.gmtime())}  {text}", flush=True)


def wait(fleet: Fleet, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    fleet.wait_until("time", lambda: time.monotonic() > deadline, seconds + 5)


def outages(fleet: Fleet, barograph: Barograph) -> int:
    """Runs them all; how many times the agent was killed."""
    assert barograph.collector is not None  # noqa: S101
    assert barograph.agent is not None  # noqa: S101
    for _ in range(COLLECTOR_KILLS):
        wait(fleet, LOAD_S)
        say("kill -9 of the collector")
        fleet.end(barograph.collector, signal.SIGKILL)
        wait(fleet, 2)
        fleet.launch(barograph.collector)
        fleet.wait_until("the collector being ready", barograph.ready, 60)
    wait(fleet, LOAD_S)
    say(f"agent and collector cut off from each other for {CUT_S} s")
    barograph.relay.cut()
    wait(fleet, CUT_S)
    barograph.relay.mend()
    wait(fleet, LOAD_S)
    say("kill -9 of the agent")
    fleet.end(barograph.agent, signal.SIGKILL)
    fleet.launch(barograph.agent)
    wait(fleet, LOAD_S)
    return 1


def own_count(application: Application, role: str, pattern: str) -> float:
    """The sum of a counter on the services' own pages."""
    total = 0.0
    for name, instance in application.instances.items():
        if instance.role == role:
            found = re.findall(pattern, http(f"{instance.url}/metrics")[1], re.M)
            total += sum(float(value) for value in found)
            if not found:
                raise StackError(f"{name} does not offer {pattern}")
    return total


def missing(fleet: Fleet, barograph: Barograph, began: float, ended: float, agent_kills: int) -> list[str]:
    """Targets with fewer samples than there were scrapes, once the agent has caught up."""
    seconds = int(ended - began)
    wanted = seconds // SCRAPE_S - 1 - agent_kills * KILLED_AGENT_MISSES
    expression = f'count_over_time(up{{job=~"quai-.+"}}[{seconds}s])'
    state: dict[str, list[str]] = {}

    def whole() -> bool:
        rows = barograph.query(expression, ended)
        state["short"] = [f"{labels['job']} {labels['instance']}: {count:.0f} of {wanted}" for labels, count in rows
                          if count < wanted]  # fmt: skip
        state["seen"] = [f"{count:.0f}" for _, count in rows]
        return bool(rows) and not state["short"]

    try:
        fleet.wait_until("every sample", whole, SETTLE_SECONDS_MAX)
    except StackError:
        return state["short"] or ["no target at all"]
    say(f"{seconds} s, {seconds // SCRAPE_S} scrapes of each target; stored: {', '.join(state['seen'])}")
    return []


def run(fleet: Fleet, application: Application, barograph: Barograph) -> list[str]:
    wait(fleet, LOAD_S)
    began = time.time()
    kills = outages(fleet, barograph)
    wrong = missing(fleet, barograph, began, time.time(), kills)
    say("the load ends")
    load = application.instances["loadgen"]
    # Stopped, not ended: its page must still be there to compare with, and its last journeys have to come home.
    application.stop_arrivals()
    wait(fleet, 15)
    at = time.time()
    sold = own_count(application, "orders", r'^quai_orders_total\{result="ok"\} (\S+)$')
    bought = own_count(application, load.role, r'^quai_loadgen_requests_total\{code="201",step="order"\} (\S+)$')
    wait(fleet, 2 * SCRAPE_S)
    stored = barograph.query('sum(quai_orders_total{result="ok"})', at + SCRAPE_S)[0][1]
    say(f"orders: customers {bought:.0f}, services {sold:.0f}, Barograph {stored:.0f}")
    return wrong + ([] if stored == sold == bought else ["the counts differ"]) + budget_differs(barograph)


def budget_differs(barograph: Barograph) -> list[str]:
    """The objective's counts beside those of its series, where the collector counts objectives."""
    objective = barograph.get("/api/v1/baro/slo/quai-order-success")
    if objective is None:
        say("this build counts no objectives")
        return []
    group = objective["groups"][0]
    wrong = []
    for kind, results in (("bad", "error"), ("total", "ok|error")):
        series = f'quai_orders_total{{result=~"{results}"}}'
        counted = barograph.query(f"sum({series}) - sum(min_over_time({series}[1h]))")[0][1]
        say(f"orders, {kind}: by the objective {group[kind]:.0f}, by brute force {counted:.0f}")
        if group[kind] != counted:
            wrong.append(f"the objective's {kind} differs")
    return wrong


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m stack.run_outages", description=__doc__)
    parser.add_argument("--bin-dir", type=Path, default=os.environ.get("BARO_BIN_DIR", ROOT / "build/release/bin"))
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="quai-outages-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o755)  # PostgreSQL's user must be able to enter
        fleet = Fleet(folder)
        slos = [ROOT / "alerts" / "quai" / "slo.yml"]
        barograph = Barograph(fleet, Path(arguments.bin_dir).resolve(), slos=slos)
        try:
            application = Application(fleet, Path(sys.prefix))
            application.start()
            barograph.start(application)
            application.set_faults("paysim", error_ratio=0.5)  # so that there are bad orders to count
            wrong = run(fleet, application, barograph)
        except StackError as error:
            wrong = [str(error)]
        finally:
            fleet.stop()
            barograph.close()
    print("\n".join(wrong) or "nothing is missing")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())

"""Every service is replaced under load, one instance after the other: no customer sees it."""

import re

from stack.application import Application
from stack.fleet import http


def answers(application: Application) -> dict[tuple[str, str], float]:
    text = http(f"{application.instances['loadgen'].url}/metrics")[1]
    found = re.findall(r'quai_loadgen_requests_total\{code="(\w+)",step="(\w+)"\} (\S+)', text)
    return {(step, code): float(count) for code, step, count in found}


def test_a_rolling_restart_of_everything_fails_no_request(application: Application) -> None:
    application.start_load()
    fleet_part = application.instances["loadgen"].part
    try:
        for name in ("catalog-1", "catalog-2", "orders-1", "orders-2", "notifier-1"):
            before = sum(answers(application).values())
            application.restart(name)
            assert sum(answers(application).values()) > before, "no load during the restart"
        seen = answers(application)
    finally:
        assert fleet_part.process is not None
        fleet_part.may_end = True
        fleet_part.process.terminate()
        fleet_part.process.wait(20)
    failed = {key: count for key, count in seen.items() if key[1] == "none" or key[1].startswith("5")}
    assert not failed
    # 409: two customers wanted the same seat; 402: a declined card.
    assert {code for _, code in seen} <= {"200", "201", "204", "402", "409"}
    assert sum(seen.values()) > 100

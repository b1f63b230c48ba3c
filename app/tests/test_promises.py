"""The promises in alerts/quai: every threshold is a bound of the histogram that it is asked of."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.utils import floatToGoString

from quai.metrics import (
    OUTBOX_BUCKETS_S,
    PAYMENT_BUCKETS_S,
    POOL_BUCKETS_S,
    REQUEST_BUCKETS_S,
)
from stack.traefik import BUCKETS_S as TRAEFIK_BUCKETS_S

ALERTS = Path(__file__).resolve().parents[2] / "alerts" / "quai"
RULE_FILES = sorted(path for path in ALERTS.glob("*.yml") if not path.stem.endswith("_test") and path.stem != "slo")


def as_text(bound: float) -> str:
    return str(floatToGoString(bound))  # type: ignore[no-untyped-call]


# As their pages write them: Go's and Python's clients differ for whole numbers.
BOUNDS: dict[str, set[str]] = {
    "quai_http_request_duration_seconds": {as_text(bound) for bound in REQUEST_BUCKETS_S},
    "quai_outbox_delay_seconds": {as_text(bound) for bound in OUTBOX_BUCKETS_S},
    "quai_payment_duration_seconds": {as_text(bound) for bound in PAYMENT_BUCKETS_S},
    "quai_db_pool_wait_seconds": {as_text(bound) for bound in POOL_BUCKETS_S},
    "traefik_service_request_duration_seconds": {f"{bound:g}" for bound in TRAEFIK_BUCKETS_S},
}
# docs/slo.md: the policies of an objective that names none.
DEFAULT: list[dict[str, Any]] = [
    {"severity": "page", "burn_rate": 14.4, "long": "1h", "short": "5m"},
    {"severity": "page", "burn_rate": 6, "long": "6h", "short": "30m"},
]
# Made by the same hand as those that are tested.
UNTESTED = ("QuaiNotificationBudgetBurn", "QuaiOrderLatencyBudgetBurn")
UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0}
SELECTED = re.compile(r'(\w+)_bucket\{[^}]*\ble="([^"]+)"')


def objectives() -> list[dict[str, Any]]:
    return list(yaml.safe_load((ALERTS / "slo.yml").read_text())["slos"])


def expressions() -> list[tuple[str, str]]:
    found = []
    for path in RULE_FILES:
        for group in yaml.safe_load(path.read_text())["groups"]:
            found += [(rule.get("record") or rule["alert"], rule["expr"]) for rule in group["rules"]]
    return found


def seconds(text: str) -> float:
    match = re.fullmatch(r"([\d.]+)(ms|s|m)", text)
    assert match, text
    return float(match[1]) * UNITS[match[2]]


@pytest.mark.parametrize("slo", [slo for slo in objectives() if "latency" in slo["sli"]], ids=lambda slo: slo["name"])
def test_a_latency_objective_asks_for_a_bound(slo: dict[str, Any]) -> None:
    latency = slo["sli"]["latency"]
    histogram = re.match(r"\w+", latency["histogram"])
    assert histogram
    bounds = {float(bound) for bound in BOUNDS[histogram[0]]}
    assert seconds(latency["threshold"]) in bounds


def test_every_bucket_that_a_rule_names_is_one_that_is_offered() -> None:
    named = [(rule, name, bound) for rule, text in expressions() for name, bound in SELECTED.findall(text)]
    assert len(named) >= 8
    assert [(rule, name, bound) for rule, name, bound in named if bound not in BOUNDS[name]] == []


def test_every_kpi_has_a_test_and_every_page_too() -> None:
    tested = (ALERTS / "kpis_test.yml").read_text() + (ALERTS / "alerts_test.yml").read_text()
    pages = []
    for path in RULE_FILES:
        for group in yaml.safe_load(path.read_text())["groups"]:
            for rule in group["rules"]:
                if rule.get("record") or rule["labels"]["severity"] == "page":
                    pages.append(rule.get("record") or rule["alert"])
    assert [name for name in pages if name not in tested and name not in UNTESTED] == []


def test_the_plain_rules_promise_what_the_objectives_do() -> None:
    """burn_rates.yml is slo.yml for those who read no SLO files: same names, same budgets."""
    groups = yaml.safe_load((ALERTS / "burn_rates.yml").read_text())["groups"]
    rules = {rule["labels"]["slo"]: rule for group in groups for rule in group["rules"]}
    paging = [slo for slo in objectives() if slo["name"] != "quai-monitoring-freshness"]
    assert set(rules) == {slo["name"] for slo in paging}
    for slo in paging:
        rule = rules[slo["name"]]
        assert rule["alert"] == slo["alerting"]["name"]
        budget = round(1 - slo["objective"] / 100, 6)
        policies = [policy for policy in slo["alerting"].get("policies", DEFAULT) if policy["severity"] == "page"]
        for policy in policies:
            assert rule["expr"].count(f"> {policy['burn_rate']} * {budget:g}") == 2, slo["name"]
            assert f"[{policy['long']}]" in rule["expr"]
            assert f"[{policy['short']}]" in rule["expr"]

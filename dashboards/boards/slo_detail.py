"""One objective."""

from grafana_foundation_sdk.builders.dashboard import Dashboard

from boards.parts import board, choice, falling, graph, number, rising, section

S = 'slo="$slo"'
YEAR_S = 365 * 86400


def build() -> Dashboard:
    b = board(
        "slo-detail", "SLO / Objective", "One objective: promise, budget, burn rates in every window, events.", ["slo"]
    )
    b = b.with_variable(choice("slo", "Objective", "label_values(baro_slo_objective_ratio, slo)", many=False))
    b = b.with_row(section("$slo"))
    b = b.with_panel(number("Promise", "", f"max(baro_slo_objective_ratio{{{S}}})", "percentunit", decimals=3))
    b = b.with_panel(
        number(
            "Kept",
            "Good of all events in the objective's window.",
            f'min(baro_slo_sli_ratio{{{S},window="28d"}} or baro_slo_sli_ratio{{{S},window="30d"}})',
            "percentunit",
            decimals=3,
        )
    )
    b = b.with_panel(
        number(
            "Budget left",
            "",
            f"min(baro_slo_error_budget_remaining_ratio{{{S}}})",
            "percentunit",
            steps=falling(0.25, 0),
            decimals=2,
        )
    )
    b = b.with_panel(
        number(
            "Burn, 1 h", "14.4 pages.", f'max(baro_slo_burn_rate{{{S},window="1h"}})', steps=rising(1, 14.4), decimals=2
        )
    )
    b = b.with_panel(
        number(
            "Bad events",
            "In the chosen time.",
            f'sum(increase(baro_slo_events_total{{{S},kind="bad"}}[$__range]))',
            decimals=0,
        )
    )
    b = b.with_panel(
        number("Events", "In the chosen time.", f"sum(increase(baro_slo_events_total{{{S}}}[$__range]))", decimals=0)
    )
    b = b.with_row(section("Over time"))
    b = b.with_panel(
        graph(
            "Budget left",
            "",
            [(f"baro_slo_error_budget_remaining_ratio{{{S}}}", "{{slo}}")],
            "percentunit",
            12,
            maximum=1,
        )
    )
    b = b.with_panel(
        graph(
            "Burn rates",
            "Every window of the alerting policies.",
            [(f"baro_slo_burn_rate{{{S}}}", "{{window}}")],
            width=12,
            limits=[(None, "transparent"), (1, "orange"), (14.4, "red")],
        )
    )
    b = b.with_panel(
        graph("Good of all", "By window.", [(f"baro_slo_sli_ratio{{{S}}}", "{{window}}")], "percentunit", 12)
    )
    b = b.with_panel(
        graph(
            "Events",
            "Good and bad, per second.",
            [(f"sum by (kind) (rate(baro_slo_events_total{{{S}}}[$__rate_interval]))", "{{kind}}")],
            "ops",
            12,
            stacked=True,
        )
    )
    b = b.with_panel(graph("State", "1 for the one that holds.", [(f"baro_slo_state{{{S}}}", "{{state}}")], width=12))
    return b.with_panel(
        graph(
            "Gone at this rate",
            "Time until the budget is spent, at most a year; a year: not in sight.",
            [
                (
                    f"clamp_max(baro_slo_exhaustion_timestamp_seconds{{{S}}} - time(), {YEAR_S})"
                    f" or baro_slo_objective_ratio{{{S}}} * 0 + {YEAR_S}",
                    "{{slo}}",
                )
            ],
            "s",
            12,
        )
    )

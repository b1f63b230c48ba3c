"""All objectives: what is left of their budgets, and how fast it burns."""

from grafana_foundation_sdk.builders.dashboard import Dashboard

from boards.parts import bars, board, choice, falling, graph, number, rising, rows, section

S = 'service=~"$service"'


def build() -> Dashboard:
    b = board("slo-overview", "SLO / Overview", "Every objective: budget, burn rate, state.", ["slo"])
    b = b.with_variable(choice("service", "Service", "label_values(baro_slo_objective_ratio, service)"))
    b = b.with_row(section("Now"))
    b = b.with_panel(number("Objectives", "With their groups.", f"count(baro_slo_objective_ratio{{{S}}})"))
    b = b.with_panel(
        number(
            "Overspent",
            "Budgets below nothing.",
            f"sum(baro_slo_error_budget_remaining_ratio{{{S}}} < bool 0)",
            steps=rising(1, 2),
        )
    )
    b = b.with_panel(
        number(
            "Least left",
            "The smallest remaining budget.",
            f"min(baro_slo_error_budget_remaining_ratio{{{S}}})",
            "percentunit",
            steps=falling(0.25, 0),
        )
    )
    b = b.with_panel(
        number(
            "Burning",
            "Objectives that spend more than they earn in the last hour.",
            f'sum(baro_slo_burn_rate{{{S},window="1h"}} > bool 1)',
            steps=rising(1, 3),
        )
    )
    b = b.with_panel(
        number(
            "Without samples",
            "Objectives whose inputs are gone.",
            f'sum(baro_slo_state{{{S},state="no_data"}})',
            steps=rising(1, 2),
        )
    )
    b = b.with_panel(
        number(
            "Firing",
            "Alerts of objectives.",
            f'count(ALERTS{{{S},slo!="",alertstate="firing"}}) or vector(0)',
            steps=rising(1, 2),
        )
    )
    b = b.with_row(section("Budgets"))
    b = b.with_panel(
        bars(
            "Left of the budget",
            "1 is untouched, 0 is spent.",
            f"clamp_min(baro_slo_error_budget_remaining_ratio{{{S}}}, 0)",
            "{{slo}}",
            "percentunit",
            12,
            falling(0.25, 0.01),
            1,
        )
    )
    b = b.with_panel(
        graph(
            "Left of the budget",
            "Over time.",
            [(f"baro_slo_error_budget_remaining_ratio{{{S}}}", "{{slo}}")],
            "percentunit",
            12,
            maximum=1,
        )
    )
    b = b.with_panel(
        graph(
            "Burn rate, 1 h",
            "1 spends the budget exactly; 14.4 pages.",
            [(f'baro_slo_burn_rate{{{S},window="1h"}}', "{{slo}}")],
            width=12,
            limits=[(None, "transparent"), (1, "orange"), (14.4, "red")],
        )
    )
    b = b.with_panel(
        graph(
            "Burn rate, 5 min",
            "Has it stopped?",
            [(f'baro_slo_burn_rate{{{S},window="5m"}}', "{{slo}}")],
            width=12,
            limits=[(None, "transparent"), (14.4, "red")],
        )
    )
    return b.with_panel(
        rows(
            "Objectives",
            "Ratios; burn rates are multiples of what the budget allows.",
            [
                (f"max by (service, slo) (baro_slo_objective_ratio{{{S}}})", "promise"),
                (f"min by (service, slo) (baro_slo_error_budget_remaining_ratio{{{S}}})", "budget left"),
                (f'max by (service, slo) (baro_slo_burn_rate{{{S},window="1h"}})', "burn, 1 h"),
                (f'max by (service, slo) (baro_slo_burn_rate{{{S},window="5m"}})', "burn, 5 min"),
            ],
        )
    )

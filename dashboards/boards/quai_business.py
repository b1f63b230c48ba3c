"""Quai: what it sells."""

from grafana_foundation_sdk.builders.dashboard import Dashboard

from boards.parts import board, falling, graph, number, rising, section


def build() -> Dashboard:
    b = board("quai-business", "Quai / Business", "What Quai sells, and what keeps it from selling.", ["quai"])
    b = b.with_row(section("Now"))
    b = b.with_panel(
        number(
            "Revenue",
            "Of paid orders, per hour, from the last 5 minutes.",
            "sum(rate(quai_order_value_cents_total[5m])) * 36",
            "currencyEUR",
        )
    )
    b = b.with_panel(
        number("Orders", "Paid, per minute.", 'sum(rate(quai_orders_total{result="ok"}[5m])) * 60', "opm", decimals=1)
    )
    b = b.with_panel(
        number(
            "Conversion",
            "Of the holds placed, the share that was bought.",
            'sum(rate(quai_orders_total{result="ok"}[5m])) / sum(rate(quai_holds_total{result="placed"}[5m]))',
            "percentunit",
            steps=falling(0.6, 0.3),
        )
    )
    b = b.with_panel(
        number(
            "Order success",
            "Orders that no error of ours or of the payment provider has lost. Promise: 99.5 %.",
            'sum(rate(quai_orders_total{result="ok"}[5m])) / sum(rate(quai_orders_total{result=~"ok|error"}[5m]))',
            "percentunit",
            steps=falling(0.995, 0.95),
        )
    )
    b = b.with_panel(number("Oversold seats", "Must be 0, always.", "max(quai_oversold_seats)", steps=rising(1, 1)))
    b = b.with_panel(
        number(
            "Waiting mails",
            "Events committed and not yet delivered.",
            "sum(quai_outbox_waiting)",
            steps=rising(20, 100),
        )
    )
    b = b.with_row(section("Sales"))
    b = b.with_panel(
        graph(
            "Orders by result",
            "Declined cards are nobody's fault; conflicts are customers who came too late.",
            [("sum by (result) (rate(quai_orders_total[$__rate_interval]))", "{{result}}")],
            "ops",
            stacked=True,
        )
    )
    b = b.with_panel(
        graph(
            "Holds by result",
            "Expired and released holds give their seats back.",
            [("sum by (result) (rate(quai_holds_total[$__rate_interval]))", "{{result}}")],
            "ops",
        )
    )
    b = b.with_panel(
        graph(
            "Revenue",
            "Value of paid orders.",
            [("sum(rate(quai_order_value_cents_total[$__rate_interval])) * 36", "EUR per hour")],
            "currencyEUR",
        )
    )
    b = b.with_row(section("Payments and mails"))
    b = b.with_panel(
        graph(
            "Charging takes",
            "One attempt at the payment provider.",
            [
                (
                    "histogram_quantile(0.5, sum by (le) (rate(quai_payment_duration_seconds_bucket[$__rate_interval])))",
                    "half",
                ),
                (
                    "histogram_quantile(0.99, sum by (le) (rate(quai_payment_duration_seconds_bucket[$__rate_interval])))",
                    "99 %",
                ),
            ],
            "s",
        )
    )
    b = b.with_panel(
        graph(
            "Attempts by outcome",
            "failed: nobody knows whether it was charged; it is voided.",
            [("sum by (outcome) (rate(quai_payment_duration_seconds_count[$__rate_interval]))", "{{outcome}}")],
            "ops",
            stacked=True,
        )
    )
    b = b.with_panel(
        graph(
            "Mails wait",
            "From an order's commit to its mail. Promise: 99 % within 30 s.",
            [
                (
                    "histogram_quantile(0.99, sum by (le) (rate(quai_outbox_delay_seconds_bucket[$__rate_interval])))",
                    "99 %",
                ),
                ("max(quai_outbox_oldest_seconds)", "oldest waiting"),
            ],
            "s",
            limits=[(None, "transparent"), (30, "red")],
        )
    )
    b = b.with_panel(
        graph(
            "Deliveries",
            "retried: the receiver did not take it; dead: given up, somebody must look.",
            [("sum by (result) (rate(quai_outbox_deliveries_total[$__rate_interval]))", "{{result}}")],
            "ops",
        )
    )
    b = b.with_panel(
        graph(
            "Tickets",
            "Seats of paid orders.",
            [("sum(rate(quai_tickets_sold_total[$__rate_interval]))", "sold")],
            "ops",
        )
    )
    return b.with_panel(
        graph(
            "Customers",
            "The load generator, as customers see it: by answer.",
            [("sum by (code) (rate(quai_loadgen_requests_total[$__rate_interval]))", "{{code}}")],
            "reqps",
            stacked=True,
        )
    )

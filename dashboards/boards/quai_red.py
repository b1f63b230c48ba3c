"""Quai: rate, errors, duration of each service and route, and the pool behind them."""

from grafana_foundation_sdk.builders.dashboard import Dashboard

from boards.parts import board, choice, graph, number, rising, rows, section

S = 'job=~"$job",route=~"$route"'
ERRORS = (f'(sum by (job, route) (rate(quai_http_requests_total{{{S},code=~"5.."}}[$__rate_interval]))'
          f" or sum by (job, route) (rate(quai_http_requests_total{{{S}}}[$__rate_interval])) * 0)")  # fmt: skip


def quantile(q: float, by: str = "job, route") -> str:
    rate = f"rate(quai_http_request_duration_seconds_bucket{{{S}}}[$__rate_interval])"
    return f"histogram_quantile({q}, sum by ({by}, le) ({rate}))"


def build() -> Dashboard:
    b = board("quai-red", "Quai / Services", "Rate, errors and duration of every service and route.", ["quai"])
    b = b.with_variable(choice("job", "Service", "label_values(quai_http_requests_total, job)"))
    b = b.with_variable(choice("route", "Route", 'label_values(quai_http_requests_total{job=~"$job"}, route)'))
    requests = f"rate(quai_http_requests_total{{{S}}}[$__rate_interval])"
    b = b.with_row(section("Requests"))
    b = b.with_panel(
        graph("Rate", "Requests by route.", [(f"sum by (job, route) ({requests})", "{{job}} {{route}}")], "reqps")
    )
    b = b.with_panel(
        graph(
            "Errors",
            "Share of answers that are server errors.",
            [(f"{ERRORS} / sum by (job, route) ({requests})", "{{job}} {{route}}")],
            "percentunit",
        )
    )
    b = b.with_panel(
        graph(
            "Duration, 99 %",
            "Interpolated between buckets; the lines are the promises of the catalogue (300 ms).",
            [(quantile(0.99), "{{job}} {{route}}")],
            "s",
            limits=[(None, "transparent"), (0.3, "red")],
        )
    )
    b = b.with_panel(
        rows(
            "Routes",
            "Per route, over the last minutes.",
            [
                (f"sum by (job, route) ({requests})", "requests/s"),
                (f"{ERRORS} / sum by (job, route) ({requests})", "errors"),
                (quantile(0.5), "half, s"),
                (quantile(0.95), "95 %, s"),
                (quantile(0.99), "99 %, s"),
            ],
        )
    )
    b = b.with_row(section("Instances"))
    b = b.with_panel(
        graph(
            "Rate by instance",
            "Should be even within a service.",
            [(f"sum by (job, instance) ({requests})", "{{job}} {{instance}}")],
            "reqps",
        )
    )
    b = b.with_panel(
        graph(
            "In flight",
            "Requests being answered.",
            [('sum by (job, instance) (quai_http_requests_in_flight{job=~"$job"})', "{{job}} {{instance}}")],
        )
    )
    b = b.with_panel(
        graph(
            "Refused by the rate limit",
            "Requests of API keys that ask too often.",
            [('sum by (job) (rate(quai_rate_limited_requests_total{job=~"$job"}[$__rate_interval]))', "{{job}}")],
            "reqps",
        )
    )
    b = b.with_row(section("Connection pool"))
    wait = 'sum by (job, le) (rate(quai_db_pool_wait_seconds_bucket{job=~"$job"}[$__rate_interval]))'
    b = b.with_panel(
        graph(
            "Waiting for a connection, 99 %",
            "Near the pool's timeout (2 s) requests fail.",
            [(f"histogram_quantile(0.99, {wait})", "{{job}}")],
            "s",
        )
    )
    b = b.with_panel(
        graph(
            "Connections",
            "In use, of the most there may be.",
            [
                (
                    'sum by (job) (quai_db_pool_size{job=~"$job"} - quai_db_pool_available{job=~"$job"})',
                    "{{job}} in use",
                ),
                ('sum by (job) (quai_db_pool_size_max{job=~"$job"})', "{{job}} most"),
            ],
        )
    )
    b = b.with_panel(
        graph(
            "Found none in time",
            "Requests that failed for want of a connection.",
            [('sum by (job) (rate(quai_db_pool_timeouts_total{job=~"$job"}[$__rate_interval]))', "{{job}}")],
            "reqps",
        )
    )
    b = b.with_row(section("Processes"))
    b = b.with_panel(
        graph(
            "CPU",
            "Cores of each process.",
            [('rate(process_cpu_seconds_total{job=~"$job"}[$__rate_interval])', "{{job}} {{instance}}")],
            "short",
        )
    )
    b = b.with_panel(
        graph("Memory", "Resident.", [('process_resident_memory_bytes{job=~"$job"}', "{{job}} {{instance}}")], "bytes")
    )
    b = b.with_panel(
        graph("Open files", "Sockets included.", [('process_open_fds{job=~"$job"}', "{{job}} {{instance}}")])
    )
    return b.with_panel(
        number(
            "Draining", "Instances on their way out.", 'sum(quai_draining{job=~"$job"})', width=4, steps=rising(1, 2)
        )
    )

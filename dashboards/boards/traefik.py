"""Traefik 3: entry points, routers, services."""

from grafana_foundation_sdk.builders.dashboard import Dashboard

from boards.parts import board, choice, falling, graph, number, rows, section

I = 'instance=~"$instance"'  # noqa: E741
S = f'{I},service=~"$service"'


def quantile(q: float) -> str:
    rate = f"rate(traefik_service_request_duration_seconds_bucket{{{S}}}[$__rate_interval])"
    return f"histogram_quantile({q}, sum by (service, le) ({rate}))"


def build() -> Dashboard:
    b = board("traefik", "Traefik", "What comes in, where it goes, and how it fares there.", ["traefik"])
    b = b.with_variable(choice("instance", "Instance", "label_values(traefik_config_reloads_total, instance)"))
    b = b.with_variable(
        choice("service", "Service", 'label_values(traefik_service_requests_total{instance=~"$instance"}, service)')
    )
    requests = f"rate(traefik_service_requests_total{{{S}}}[$__rate_interval])"
    errors = f'rate(traefik_service_requests_total{{{S},code=~"5.."}}[$__rate_interval])'
    b = b.with_row(section("Now"))
    b = b.with_panel(number("Requests", "All services.", f"sum({requests})", "reqps", decimals=1))
    b = b.with_panel(
        number(
            "Without server error",
            "Promise of Quai's edge: 99.9 %.",
            f"1 - (sum({errors}) or vector(0)) / sum({requests})",
            "percentunit",
            steps=falling(0.999, 0.99),
        )
    )
    b = b.with_panel(
        number(
            "Servers up",
            "Share of the servers whose health check succeeds.",
            f"avg(traefik_service_server_up{{{S}}})",
            "percentunit",
            steps=falling(1, 0.6),
        )
    )
    b = b.with_panel(number("Open connections", "At the entry points.", f"sum(traefik_open_connections{{{I}}})"))
    b = b.with_panel(
        number(
            "Last configuration",
            "Age of the configuration in force.",
            f"time() - max(traefik_config_last_reload_success{{{I}}})",
            "s",
        )
    )
    b = b.with_panel(number("Reloads", "Since it started.", f"sum(traefik_config_reloads_total{{{I}}})"))
    b = b.with_row(section("Services"))
    b = b.with_panel(graph("Rate", "By service.", [(f"sum by (service) ({requests})", "{{service}}")], "reqps"))
    b = b.with_panel(
        graph("By code", "All services.", [(f"sum by (code) ({requests})", "{{code}}")], "reqps", stacked=True)
    )
    b = b.with_panel(
        graph(
            "Server errors",
            "Share of a service's answers.",
            [
                (
                    f"(sum by (service) ({errors}) or sum by (service) ({requests}) * 0) / sum by (service) ({requests})",
                    "{{service}}",
                )
            ],
            "percentunit",
        )
    )
    b = b.with_panel(graph("Duration, half", "", [(quantile(0.5), "{{service}}")], "s"))
    b = b.with_panel(graph("Duration, 99 %", "", [(quantile(0.99), "{{service}}")], "s"))
    b = b.with_panel(
        graph(
            "Within 300 ms",
            "Share of the answers; counted, not interpolated.",
            [
                (
                    f'sum by (service) (rate(traefik_service_request_duration_seconds_bucket{{{S},le="0.3"}}[$__rate_interval])) / '
                    f"sum by (service) (rate(traefik_service_request_duration_seconds_count{{{S}}}[$__rate_interval]))",
                    "{{service}}",
                )
            ],
            "percentunit",
            maximum=1,
        )
    )
    b = b.with_panel(
        rows(
            "Servers",
            "1: its health check succeeds.",
            [(f"max by (service, url) (traefik_service_server_up{{{S}}})", "up")],
            width=12,
        )
    )
    b = b.with_panel(
        graph(
            "Bytes",
            "Of requests and answers.",
            [
                (f"sum(rate(traefik_service_requests_bytes_total{{{S}}}[$__rate_interval]))", "in"),
                (f"sum(rate(traefik_service_responses_bytes_total{{{S}}}[$__rate_interval]))", "out"),
            ],
            "Bps",
            width=12,
        )
    )
    b = b.with_row(section("Entry points and routers"))
    b = b.with_panel(
        graph(
            "Entry points",
            "Requests, also those that match no router.",
            [
                (
                    f"sum by (entrypoint, code) (rate(traefik_entrypoint_requests_total{{{I}}}[$__rate_interval]))",
                    "{{entrypoint}} {{code}}",
                )
            ],
            "reqps",
        )
    )
    b = b.with_panel(
        graph(
            "Routers",
            "By rule.",
            [(f"sum by (router) (rate(traefik_router_requests_total{{{I}}}[$__rate_interval]))", "{{router}}")],
            "reqps",
        )
    )
    return b.with_panel(
        graph(
            "Process",
            "CPU in cores.",
            [(f'rate(process_cpu_seconds_total{{job="traefik",{I}}}[$__rate_interval])', "{{instance}}")],
            "short",
        )
    )

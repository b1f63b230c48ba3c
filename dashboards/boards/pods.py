"""Pods and containers, by cAdvisor's and kube-state-metrics' names, as baro-agent offers them."""

from grafana_foundation_sdk.builders.dashboard import Dashboard

from boards.parts import board, choice, graph, number, rising, rows, section

P = 'namespace=~"$namespace",pod=~"$pod"'
C = f'{P},container!="",container!="POD"'


def rate(metric: str, selector: str = C) -> str:
    return f"rate({metric}{{{selector}}}[$__rate_interval])"


def build() -> Dashboard:
    b = board("pods", "Kubernetes / Pods", "CPU, memory, network and state of pods.", ["kubernetes"])
    b = b.with_variable(choice("namespace", "Namespace", "label_values(kube_pod_info, namespace)"))
    b = b.with_variable(choice("pod", "Pod", 'label_values(kube_pod_info{namespace=~"$namespace"}, pod)'))
    b = b.with_row(section("Now"))
    b = b.with_panel(number("Pods", "Running.", f'sum(kube_pod_status_phase{{{P},phase="Running"}})'))
    b = b.with_panel(
        number(
            "Not ready",
            "Containers that are not.",
            f"sum(kube_pod_container_status_ready{{{P}}} == bool 0)",
            steps=rising(1, 3),
        )
    )
    b = b.with_panel(
        number(
            "Restarts",
            "In the last hour.",
            f"sum(increase(kube_pod_container_status_restarts_total{{{P}}}[1h]))",
            steps=rising(1, 5),
            decimals=0,
        )
    )
    b = b.with_panel(number("CPU", "Cores in use.", f"sum({rate('container_cpu_usage_seconds_total')})", decimals=2))
    b = b.with_panel(number("Memory", "Working set.", f"sum(container_memory_working_set_bytes{{{C}}})", "bytes"))
    b = b.with_panel(
        number(
            "Throttled",
            "Share of the scheduler's periods, the worst pod.",
            f"max(sum by (namespace, pod) ({rate('container_cpu_cfs_throttled_periods_total')}) / "
            f"sum by (namespace, pod) ({rate('container_cpu_cfs_periods_total')}))",
            "percentunit",
            steps=rising(0.1, 0.5),
        )
    )
    b = b.with_row(section("CPU"))
    b = b.with_panel(
        graph(
            "Use",
            "In cores, by pod.",
            [(f"sum by (namespace, pod) ({rate('container_cpu_usage_seconds_total')})", "{{namespace}}/{{pod}}")],
            width=12,
        )
    )
    b = b.with_panel(
        graph(
            "Throttling",
            "Share of periods in which a container was stopped at its limit.",
            [
                (
                    f"sum by (namespace, pod, container) ({rate('container_cpu_cfs_throttled_periods_total')}) / "
                    f"sum by (namespace, pod, container) ({rate('container_cpu_cfs_periods_total')})",
                    "{{pod}} {{container}}",
                )
            ],
            "percentunit",
            width=12,
        )
    )
    b = b.with_row(section("Memory"))
    b = b.with_panel(
        graph(
            "Working set",
            "What counts against the limit and cannot be had back.",
            [(f"sum by (namespace, pod) (container_memory_working_set_bytes{{{C}}})", "{{namespace}}/{{pod}}")],
            "bytes",
            width=12,
        )
    )
    b = b.with_panel(
        graph(
            "Of the limit",
            "At 1 the container is killed.",
            [
                (
                    f"sum by (namespace, pod, container) (container_memory_working_set_bytes{{{C}}}) / "
                    f'sum by (namespace, pod, container) (kube_pod_container_resource_limits{{{C},resource="memory"}})',
                    "{{pod}} {{container}}",
                )
            ],
            "percentunit",
            width=12,
        )
    )
    b = b.with_row(section("Network"))
    b = b.with_panel(
        graph(
            "Received",
            "",
            [
                (
                    f"sum by (namespace, pod) ({rate('container_network_receive_bytes_total', P)})",
                    "{{namespace}}/{{pod}}",
                )
            ],
            "Bps",
            width=12,
        )
    )
    b = b.with_panel(
        graph(
            "Sent",
            "",
            [
                (
                    f"sum by (namespace, pod) ({rate('container_network_transmit_bytes_total', P)})",
                    "{{namespace}}/{{pod}}",
                )
            ],
            "Bps",
            width=12,
        )
    )
    b = b.with_row(section("Requests and limits"))
    used = f"sum by (namespace, pod) ({rate('container_cpu_usage_seconds_total')})"
    return b.with_panel(
        rows(
            "Pods",
            "What they asked for, may have and use.",
            [
                (f'sum by (namespace, pod) (kube_pod_container_resource_requests{{{P},resource="cpu"}})', "CPU asked"),
                (f'sum by (namespace, pod) (kube_pod_container_resource_limits{{{P},resource="cpu"}})', "CPU limit"),
                (used, "CPU used"),
                (
                    f'sum by (namespace, pod) (kube_pod_container_resource_limits{{{P},resource="memory"}})',
                    "memory limit, B",
                ),
                (f"sum by (namespace, pod) (container_memory_working_set_bytes{{{C}}})", "memory used, B"),
                (f"sum by (namespace, pod) (kube_pod_container_status_restarts_total{{{P}}})", "restarts"),
            ],
        )
    )

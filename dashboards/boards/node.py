"""A node, by node_exporter's names: baro-agent's, or node_exporter's own."""

from grafana_foundation_sdk.builders.dashboard import Dashboard

from boards.parts import bars, board, choice, graph, number, rising, section

I = 'job=~"$job",instance=~"$instance"'  # noqa: E741
REAL = 'fstype!~"tmpfs|ramfs|overlay|squashfs"'


def rate(metric: str, more: str = "") -> str:
    return f"rate({metric}{{{I}{more}}}[$__rate_interval])"


def build() -> Dashboard:
    b = board("node", "Node", "CPU, memory, pressure, disks and network of nodes.", ["node"])
    b = b.with_variable(choice("job", "Job", "label_values(node_uname_info, job)"))
    b = b.with_variable(choice("instance", "Node", 'label_values(node_uname_info{job=~"$job"}, instance)'))
    busy = f"1 - avg by (instance) ({rate('node_cpu_seconds_total', ',mode=' + chr(34) + 'idle' + chr(34))})"
    memory = f"1 - node_memory_MemAvailable_bytes{{{I}}} / node_memory_MemTotal_bytes{{{I}}}"
    space = f"1 - node_filesystem_avail_bytes{{{I},{REAL}}} / node_filesystem_size_bytes{{{I},{REAL}}}"
    b = b.with_row(section("Now"))
    b = b.with_panel(
        number(
            "CPU",
            "Share of all cores that works; the busiest node.",
            f"max({busy})",
            "percentunit",
            steps=rising(0.8, 0.95),
        )
    )
    b = b.with_panel(
        number(
            "Memory",
            "What cannot be had without swapping; the fullest node.",
            f"max({memory})",
            "percentunit",
            steps=rising(0.8, 0.95),
        )
    )
    b = b.with_panel(
        number("Fullest disk", "Of real file systems.", f"max({space})", "percentunit", steps=rising(0.8, 0.95))
    )
    b = b.with_panel(
        number(
            "Load per core",
            "Above 1 somebody waits.",
            f"max(node_load1{{{I}}} / on (job, instance) "
            f'count by (job, instance) (node_cpu_seconds_total{{{I},mode="idle"}}))',
            steps=rising(1, 2),
        )
    )
    b = b.with_panel(
        number(
            "OOM kills",
            "In the last hour.",
            f"sum(increase(node_vmstat_oom_kill{{{I}}}[1h]))",
            steps=rising(1, 1),
            decimals=0,
        )
    )
    b = b.with_panel(
        number(
            "Up since",
            "Of the node that started last.",
            f"min(node_time_seconds{{{I}}} - node_boot_time_seconds{{{I}}})",
            "s",
        )
    )
    b = b.with_row(section("CPU and pressure"))
    b = b.with_panel(
        graph(
            "CPU by mode",
            "In cores, all chosen nodes.",
            [(f"sum by (mode) ({rate('node_cpu_seconds_total', ',mode!=' + chr(34) + 'idle' + chr(34))})", "{{mode}}")],
            stacked=True,
        )
    )
    b = b.with_panel(
        graph(
            "Pressure",
            "Share of time in which somebody waits for it. The best sign that a node is too small.",
            [
                (rate("node_pressure_cpu_waiting_seconds_total"), "CPU {{instance}}"),
                (rate("node_pressure_io_waiting_seconds_total"), "I/O {{instance}}"),
                (rate("node_pressure_memory_waiting_seconds_total"), "memory {{instance}}"),
            ],
            "percentunit",
        )
    )
    b = b.with_panel(
        graph(
            "Load",
            "1 and 15 minutes.",
            [(f"node_load1{{{I}}}", "1 m {{instance}}"), (f"node_load15{{{I}}}", "15 m {{instance}}")],
        )
    )
    b = b.with_row(section("Memory"))
    b = b.with_panel(
        graph(
            "Memory",
            "Available is what matters; cached can be had back.",
            [
                (f"sum(node_memory_{what}_bytes{{{I}}})", what)
                for what in ("MemTotal", "MemAvailable", "Cached", "AnonPages", "Slab")
            ],
            "bytes",
        )
    )
    b = b.with_panel(
        graph(
            "Major faults",
            "Pages that had to come from disk.",
            [(rate("node_vmstat_pgmajfault"), "{{instance}}")],
            "ops",
        )
    )
    b = b.with_panel(
        graph(
            "Open files",
            "Of the most there may be.",
            [(f"node_filefd_allocated{{{I}}} / node_filefd_maximum{{{I}}}", "{{instance}}")],
            "percentunit",
        )
    )
    b = b.with_row(section("Disks"))
    b = b.with_panel(
        bars(
            "File systems",
            "Used.",
            space,
            "{{instance}} {{mountpoint}}",
            "percentunit",
            maximum=1,
            steps=rising(0.8, 0.95),
        )
    )
    b = b.with_panel(
        graph(
            "Throughput",
            "",
            [
                (rate("node_disk_read_bytes_total"), "read {{instance}} {{device}}"),
                (rate("node_disk_written_bytes_total"), "written {{instance}} {{device}}"),
            ],
            "Bps",
        )
    )
    b = b.with_panel(
        graph(
            "Busy",
            "Share of time in which the disk had something to do.",
            [(rate("node_disk_io_time_seconds_total"), "{{instance}} {{device}}")],
            "percentunit",
        )
    )
    b = b.with_row(section("Network"))
    b = b.with_panel(
        graph(
            "Traffic",
            "",
            [
                (rate("node_network_receive_bytes_total"), "in {{instance}} {{device}}"),
                (rate("node_network_transmit_bytes_total"), "out {{instance}} {{device}}"),
            ],
            "Bps",
        )
    )
    b = b.with_panel(
        graph(
            "Errors and drops",
            "",
            [
                (
                    f"sum by (instance) ({rate('node_network_receive_errs_total')} + {rate('node_network_transmit_errs_total')})",
                    "errors {{instance}}",
                ),
                (
                    f"sum by (instance) ({rate('node_network_receive_drop_total')} + {rate('node_network_transmit_drop_total')})",
                    "drops {{instance}}",
                ),
            ],
            "pps",
        )
    )
    return b.with_panel(
        graph(
            "TCP",
            "Connections, and segments that had to be sent again.",
            [
                (f"node_netstat_Tcp_CurrEstab{{{I}}}", "established {{instance}}"),
                (rate("node_netstat_Tcp_RetransSegs"), "resent/s {{instance}}"),
            ],
        )
    )

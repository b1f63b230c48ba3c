"""Barograph itself: collector and agents."""

from grafana_foundation_sdk.builders.dashboard import Dashboard

from boards.parts import board, choice, falling, graph, number, rising, section

C, A = 'job=~"$collector"', 'job=~"$agent"'


def rate(metric: str, selector: str = C) -> str:
    return f"rate({metric}{{{selector}}}[$__rate_interval])"


def build() -> Dashboard:
    b = board(
        "barograph", "Barograph", "The collector and its agents: what comes in, what it costs, what was lost.", ["self"]
    )
    b = b.with_variable(choice("collector", "Collector", "label_values(baro_store_series, job)"))
    b = b.with_variable(choice("agent", "Agent", "label_values(baro_agent_build_info, job)"))
    stored = f'{C},outcome="stored"'
    b = b.with_row(section("Now"))
    b = b.with_panel(number("Series", "In the head.", f"sum(baro_store_series{{{C}}})", "short"))
    b = b.with_panel(
        number("Samples", "Stored.", f"sum({rate('baro_store_samples_total', stored)})", "ops", decimals=0)
    )
    b = b.with_panel(
        number(
            "Bytes a sample",
            "Journal and sealed parts, of all that was stored since the start.",
            f"sum(baro_store_journal_bytes{{{C}}} + baro_store_slot_bytes{{{C}}}) / "
            f"sum(baro_store_samples_total{{{stored}}})",
            "bytes",
            decimals=2,
        )
    )
    b = b.with_panel(number("Agents", "Connected.", f"sum(baro_ingest_agents_connected{{{C}}})", steps=falling(1, 1)))
    b = b.with_panel(number("Targets down", "Of all that is scraped.", "sum(up == bool 0)", steps=rising(1, 3)))
    b = b.with_panel(
        number(
            "Dropped samples",
            "By agents, in the last hour. Must be 0.",
            f"sum(increase(baro_agent_samples_dropped_total{{{A}}}[1h]))",
            steps=rising(1, 1),
            decimals=0,
        )
    )
    b = b.with_row(section("Cost"))
    b = b.with_panel(
        graph(
            "CPU",
            "In cores.",
            [(rate("process_cpu_seconds_total", 'job=~"$collector|$agent"'), "{{job}} {{instance}}")],
        )
    )
    b = b.with_panel(
        graph(
            "Memory",
            "Resident.",
            [
                ('process_resident_memory_bytes{job=~"$collector|$agent"}', "{{job}} {{instance}}"),
                (f"baro_memory_limit_bytes{{{C}}}", "limit"),
            ],
            "bytes",
        )
    )
    b = b.with_panel(
        graph(
            "Disk",
            "Of the collector's store; of the agents' spools.",
            [
                (f"sum(baro_store_journal_bytes{{{C}}})", "journal"),
                (f"sum(baro_store_slot_bytes{{{C}}})", "sealed"),
                (f"sum(baro_agent_spool_bytes{{{A}}})", "spools"),
            ],
            "bytes",
        )
    )
    b = b.with_row(section("Coming in"))
    b = b.with_panel(
        graph(
            "Samples by outcome",
            "",
            [(f"sum by (outcome) ({rate('baro_store_samples_total')}) > 0", "{{outcome}}")],
            "ops",
        )
    )
    b = b.with_panel(
        graph(
            "From agents", "Bodies on the wire.", [(f"sum({rate('baro_ingest_body_bytes_total')})", "bytes/s")], "Bps"
        )
    )
    b = b.with_panel(
        graph(
            "Other ways in",
            "Remote write and OTLP.",
            [
                (f"sum({rate('baro_remote_write_samples_total')})", "remote write"),
                (f"sum({rate('baro_otlp_points_total')})", "OTLP"),
            ],
            "ops",
        )
    )
    b = b.with_panel(
        graph(
            "Not yet acknowledged",
            "Frames in the agents' spools. Grows while the collector is away; nothing is lost.",
            [(f"baro_agent_spool_unacknowledged_frames{{{A}}}", "{{instance}}")],
        )
    )
    b = b.with_panel(
        graph(
            "Last acknowledgement",
            "Its age.",
            [(f"time() - baro_agent_push_last_ack_timestamp_seconds{{{A}}}", "{{instance}}")],
            "s",
        )
    )
    b = b.with_panel(
        graph(
            "Scrapes",
            "And those that failed.",
            [
                (f"sum({rate('baro_agent_scrapes_total', A)})", "scrapes"),
                (f"sum({rate('baro_agent_scrape_failures_total', A)})", "failed"),
            ],
            "ops",
        )
    )
    b = b.with_row(section("Queries"))
    b = b.with_panel(
        graph("Queries by outcome", "", [(f"sum by (outcome) ({rate('baro_queries_total')})", "{{outcome}}")], "ops")
    )
    b = b.with_panel(
        graph(
            "Duration, 99 %",
            "By phase.",
            [
                (
                    f"histogram_quantile(0.99, sum by (phase, le) ({rate('baro_query_duration_seconds_bucket')}))",
                    "{{phase}}",
                )
            ],
            "s",
        )
    )
    b = b.with_panel(
        graph(
            "Result cache",
            "Steps taken from it, and computed anew.",
            [
                (f"sum({rate('baro_query_cache_steps_reused_total')})", "reused"),
                (f"sum({rate('baro_query_cache_steps_evaluated_total')})", "computed"),
            ],
            "ops",
        )
    )
    b = b.with_row(section("Rules and notifications"))
    b = b.with_panel(
        graph(
            "Evaluations",
            "And those that failed.",
            [
                (f"sum({rate('baro_rule_evaluations_total')})", "evaluations"),
                (f"sum({rate('baro_rule_evaluation_failures_total')})", "failed"),
            ],
            "ops",
        )
    )
    b = b.with_panel(
        graph(
            "Notifications",
            "Sent, failed attempts, dropped.",
            [
                (f"sum({rate('baro_notifications_sent_total')})", "sent"),
                (f"sum({rate('baro_notifications_errors_total')})", "failed"),
                (f"sum({rate('baro_notifications_dropped_total')})", "dropped"),
            ],
            "ops",
        )
    )
    return b.with_panel(
        graph(
            "HTTP",
            "Requests by handler.",
            [(f"sum by (handler) ({rate('baro_http_requests_total')}) > 0", "{{handler}}")],
            "reqps",
        )
    )

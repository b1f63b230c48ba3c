"""PostgreSQL, by prometheus-postgres-exporter."""

from grafana_foundation_sdk.builders.dashboard import Dashboard

from boards.parts import board, choice, falling, graph, number, rising, section

I = 'instance=~"$instance"'  # noqa: E741
D = f'{I},datname=~"$database"'


def rate(metric: str) -> str:
    return f"sum(rate({metric}{{{D}}}[$__rate_interval]))"


def build() -> Dashboard:
    b = board("postgres", "PostgreSQL", "Connections, transactions, cache, locks and space of a cluster.", ["postgres"])
    b = b.with_variable(choice("instance", "Instance", "label_values(pg_up, instance)"))
    b = b.with_variable(
        choice("database", "Database", 'label_values(pg_stat_database_xact_commit{instance=~"$instance"}, datname)')
    )
    hits, reads = rate("pg_stat_database_blks_hit"), rate("pg_stat_database_blks_read")
    used = f"sum(pg_stat_activity_count{{{I}}}) / max(pg_settings_max_connections{{{I}}})"
    b = b.with_row(section("Now"))
    b = b.with_panel(number("Up", "0: it refuses its exporter.", f"min(pg_up{{{I}}})", steps=falling(1, 1)))
    b = b.with_panel(number("Connections", "Share of max_connections.", used, "percentunit", steps=rising(0.7, 0.85)))
    b = b.with_panel(number("Transactions", "Committed.", rate("pg_stat_database_xact_commit"), "ops", decimals=0))
    b = b.with_panel(
        number(
            "Cache hits",
            "Blocks found in shared buffers.",
            f"{hits} / ({hits} + {reads})",
            "percentunit",
            steps=falling(0.99, 0.9),
        )
    )
    b = b.with_panel(
        number(
            "Longest transaction",
            "An old one keeps dead rows from being cleaned.",
            f"max(pg_stat_activity_max_tx_duration{{{D}}})",
            "s",
            steps=rising(60, 600),
        )
    )
    b = b.with_panel(number("Size", "Of the chosen databases.", f"sum(pg_database_size_bytes{{{D}}})", "bytes"))
    b = b.with_row(section("Work"))
    b = b.with_panel(
        graph(
            "Transactions",
            "Rollbacks are errors, or lost races.",
            [
                (rate("pg_stat_database_xact_commit"), "committed"),
                (rate("pg_stat_database_xact_rollback"), "rolled back"),
            ],
            "ops",
        )
    )
    b = b.with_panel(
        graph(
            "Rows",
            "Returned: read by scans; fetched: by indexes.",
            [
                (rate(f"pg_stat_database_tup_{what}"), what)
                for what in ("returned", "fetched", "inserted", "updated", "deleted")
            ],
            "ops",
        )
    )
    b = b.with_panel(
        graph(
            "Blocks",
            "Read from disk (or the system's cache) against found in shared buffers.",
            [(reads, "read"), (hits, "hit")],
            "ops",
        )
    )
    b = b.with_row(section("Connections and locks"))
    b = b.with_panel(
        graph(
            "Connections by state",
            "idle in transaction: somebody holds locks and thinks.",
            [(f"sum by (state) (pg_stat_activity_count{{{D}}}) > 0", "{{state}}")],
            stacked=True,
        )
    )
    b = b.with_panel(
        graph(
            "Locks by mode",
            "AccessExclusive blocks everybody.",
            [(f"sum by (mode) (pg_locks_count{{{D}}}) > 0", "{{mode}}")],
        )
    )
    b = b.with_panel(
        graph(
            "Conflicts and deadlocks",
            "",
            [(rate("pg_stat_database_deadlocks"), "deadlocks"), (rate("pg_stat_database_conflicts"), "conflicts")],
            "ops",
        )
    )
    b = b.with_row(section("Disk"))
    b = b.with_panel(
        graph(
            "Checkpoints",
            "Requested ones mean that WAL fills faster than max_wal_size allows.",
            [
                (f"sum(rate(pg_stat_bgwriter_checkpoints_timed_total{{{I}}}[$__rate_interval])) * 60", "timed"),
                (f"sum(rate(pg_stat_bgwriter_checkpoints_req_total{{{I}}}[$__rate_interval])) * 60", "requested"),
            ],
            "cpm",
        )
    )
    b = b.with_panel(
        graph(
            "Buffers written by",
            "Backends should hardly write themselves.",
            [
                (f"sum(rate(pg_stat_bgwriter_buffers_{who}_total{{{I}}}[$__rate_interval]))", who)
                for who in ("checkpoint", "clean", "backend")
            ],
            "ops",
        )
    )
    b = b.with_panel(
        graph(
            "Temporary files",
            "Sorts and hashes that did not fit work_mem.",
            [(rate("pg_stat_database_temp_bytes"), "written")],
            "Bps",
        )
    )
    b = b.with_panel(graph("Size", "By database.", [(f"pg_database_size_bytes{{{D}}}", "{{datname}}")], "bytes"))
    return b.with_panel(
        graph(
            "WAL archive",
            "Age of the last archived segment, when archiving is on.",
            [(f"pg_stat_archiver_last_archive_age{{{I}}}", "{{instance}}")],
            "s",
        )
    )

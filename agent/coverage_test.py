#!/usr/bin/env python3
"""docs/agent_coverage.md: metric families that public dashboards and rules need, and what the agent offers.

Usage: coverage_test.py SOURCE_DIR [--update]

testdata/needed_families.tsv: a family, whose it is, how many of 48 public dashboard and rule files
need it. Offered is what the agent's sources name, or what the kernel names behind a prefix of
theirs. Everything else must have its reason here. The page must be what this program writes.
"""

import pathlib
import re
import sys

# Families that the kernel names: the prefix is in the sources, the rest in its files.
KERNEL_NAMED = {
    "node_memory_": "/proc/meminfo",
    "node_netstat_": "/proc/net/netstat, snmp, snmp6",
    "node_vmstat_": "/proc/vmstat",
    "node_sockstat_": "/proc/net/sockstat, sockstat6",
    "node_network_": "netlink and /sys/class/net",
    "node_hwmon_": "/sys/class/hwmon",
    "node_power_supply_": "/sys/class/power_supply",
}
# Offered, but not in every way as the original.
DIFFERING = {
    "container_oom_events_total": "counts kills over container restarts; the original loses them with the container",
    "kube_daemonset_labels": "all labels; the original none without its allow-list",
    "kube_deployment_labels": "all labels; the original none without its allow-list",
    "kube_namespace_labels": "all labels; the original none without its allow-list",
    "kube_networkpolicy_labels": "all labels; the original none without its allow-list",
    "kube_persistentvolumeclaim_labels": "all labels; the original none without its allow-list",
    "kube_statefulset_labels": "all labels; the original none without its allow-list",
}
MISSING = {
    "kube_hpa_labels": "name of kube-state-metrics 1; offered as kube_horizontalpodautoscaler_labels",
    "node_exporter_build_info": "about the exporter itself; ours is baro_agent_build_info",
    "node_kernel_hung_tasks": "no exporter has it; offered as node_kernel_hung_tasks_total",
    "node_textfile_scrape_error": "the textfile collector is not there yet",
}
MISSING_PREFIX = {"node_systemd_": "the systemd collector is not there yet"}

LITERAL = re.compile(r'"((?:node|kube|container|machine)_[A-Za-z0-9_]+)"')


def source_names(folder):
    names = set()
    for part in ("node", "kube", "pods"):
        for path in sorted((folder / part).glob("*.cc")):
            if "_test" not in path.name and "_bench" not in path.name:
                names.update(LITERAL.findall(path.read_text()))
    return names


def judge(family, offered):
    """(state, remark) of one family."""
    if family in MISSING:
        return "missing", MISSING[family]
    for prefix, reason in MISSING_PREFIX.items():
        if family.startswith(prefix):
            return "missing", reason
    if family in DIFFERING and family in offered:
        return "differs", DIFFERING[family]
    if family in offered:
        return "offered", ""
    for prefix, where in KERNEL_NAMED.items():
        if family.startswith(prefix):
            return "offered", f"named by the kernel: {where}"
    return "unexplained", ""


def page(rows):
    count = {}
    for _, _, _, state, _ in rows:
        count[state] = count.get(state, 0) + 1
    lines = [
        "# Coverage of the agent", "",
        "Metric families that at least one of 48 public dashboard and rule files needs, and whether `baro-agent` offers",
        "them. Written by `agent/coverage_test.py`, which is a test; do not edit.", "",
        f"Needed {len(rows)}, offered {count.get('offered', 0) + count.get('differs', 0)} "
        f"(differing in a way that is named: {count.get('differs', 0)}), missing {count.get('missing', 0)}.", "",
        "| family | of | files | state | remark |", "| --- | --- | ---: | --- | --- |"]
    lines += [f"| `{name}` | {anchor} | {files} | {state} | {remark} |"
              for name, anchor, files, state, remark in rows]
    return "\n".join(lines) + "\n"


def main():
    root = pathlib.Path(sys.argv[1])
    offered = source_names(root / "agent")
    rows = []
    for line in (root / "agent/testdata/needed_families.tsv").read_text().splitlines():
        name, anchor, files = line.split("\t")
        rows.append((name, anchor, files, *judge(name, offered)))
    rows.sort(key=lambda row: (row[1], row[0]))
    failures = [f"{row[0]} is needed by {row[2]} files, not offered, and has no reason"
                for row in rows if row[3] == "unexplained"]
    needed = {row[0] for row in rows}
    failures += [f"{name} has a reason, but is offered or not needed"
                 for name in MISSING if name not in needed or name in offered]
    target = root / "docs/agent_coverage.md"
    text = page(rows)
    if "--update" in sys.argv:
        target.write_text(text)
    elif not target.exists() or target.read_text() != text:
        failures.append(f"{target} is not current: run {sys.argv[0]} {root} --update")
    for failure in failures:
        print(failure)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())

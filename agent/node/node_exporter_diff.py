#!/usr/bin/env python3
"""Our node collectors beside node_exporter: the same names, labels, types, help and values.

Usage: node_exporter_diff.py NODE_DUMP [NODE_EXPORTER]

Starts node_exporter (second argument, else $BARO_NODE_EXPORTER, else Debian's) on a free port with
the collectors that NODE_DUMP has, reads: theirs, ours, theirs again. A counter of ours must lie
between their two readings, a gauge that they tell the same twice must be the same in ours, and so
must labels, types and help. Every known difference is in ALLOWED, with its reason.
"""

import os
import re
import subprocess
import sys
import time
import urllib.request

# Collectors that exist in every node_exporter we compare with.
COLLECTORS = ["arp", "bonding", "conntrack", "cpu", "cpufreq", "diskstats", "edac", "entropy", "filefd",
              "filesystem", "hwmon", "loadavg", "mdadm", "meminfo", "netclass", "netdev", "netstat", "os",
              "powersupplyclass", "pressure", "schedstat", "sockstat", "softnet", "stat", "thermal_zone", "time",
              "timex", "udp_queues", "uname", "vmstat"]
# And those that only newer ones have.
NEW_COLLECTORS = ["kernel_hung"]
DISK_EXCLUDE = r"^(z?ram|loop|fd|(h|s|v|xv)d[a-z]|nvme\d+n\d+p)\d+$"
# Debian's package leaves out /run, /mnt and /media as well; upstream and we do not.
MOUNT_EXCLUDE = (r"^/(dev|proc|run/credentials/.+|sys|var/lib/docker/.+"
                 r"|var/lib/containers/storage/.+)($|/)")

# (pattern over "name{labels}", who has it alone or "value"/"meta", versions, reason)
ALLOWED = [
    (r"^(up|scrape_.*|baro_collector_state)(\{|$)", "ours", "all",
     "told by the scraper, which here is us"),
    (r"^(go_|process_|promhttp_|node_exporter_build_info)", "theirs", "all",
     "about the exporter itself; ours is on the agent's /metrics"),
    (r"^node_scrape_collector_duration_seconds", "value", "all", "each its own"),
    (r"^node_memory_(Balloon|FileHugePages|FilePmdMapped|Hugetlb|KReclaimable|SecPageTables"
     r"|ShadowCallStack|Unaccepted|CmaTotal|CmaFree|GPUActive|GPUReclaim|EarlyMemtestBad)"
     r"(_bytes)?$", "ours", "all",
     "1.11 tells only the fields its library knows; we tell all that the kernel has, as 1.5 did"),
    (r"^node_memory_(Balloon|FileHugePages|FilePmdMapped|Hugetlb|KReclaimable|SecPageTables)_bytes$",
     "value", "1.5", "changes between the readings"),
    (r"^node_disk_info\{.*\}$", "ours", "1.5", "label rotational is newer"),
    (r"^node_disk_info\{.*\}$", "theirs", "1.5", "label rotational is newer"),
    (r"^node_disk_info\{.*rotational=\"1\".*\}$", "ours", "1.11",
     "1.11 tells 0 where any other file of the device's queue is missing; we tell what sysfs says"),
    (r"^node_disk_info\{.*rotational=\"0\".*\}$", "theirs", "1.11", "the same"),
    (r"^node_filesystem_readonly\{", "value", "1.11",
     "1.11.1 tells 0 for every mount; the mount table (and 1.5) say which are read-only"),
    (r"^node_network_info\{.*adminstate=", "ours", "1.5", "label adminstate is newer"),
    (r"^node_network_info\{", "theirs", "1.5", "label adminstate is newer"),
    (r"^node_filesystem_(mount_info|purgeable_bytes)", "ours", "1.5", "newer than 1.5"),
    (r"^node_filesystem_readonly", "ours", "1.5", "1.5 leaves it out where statfs fails"),
    (r"^node_network_\w+\{device=\"lo\"\}$", "ours", "1.5",
     "1.5's netlink reader loses the loopback device"),
    (r"^node_netstat_TcpExt_(TCPOFOQueue|TCPRcvQDrop)$", "ours", "1.5",
     "its default expression is shorter"),
    (r"^node_softnet_(backlog_len|cpu_collision|flow_limit_count|received_rps)", "ours", "1.5",
     "newer than 1.5"),
    (r"^node_scrape_collector_(success|duration_seconds)\{collector=\"kernel_hung\"\}$", "ours", "1.5",
     "the collector is newer"),
    (r"^node_kernel_hung_tasks_total$", "ours", "1.5", "the collector is newer"),
    (r"^node_pressure_irq_stalled_seconds_total$", "ours", "1.5", "newer than 1.5"),
]
# Gauges that move by themselves between two readings, and how far off may be told.
MOVING = {
    r"^node_load\d+$": 2.0,
    r"^node_procs_(running|blocked)$": 1000,
    r"^node_disk_io_now": 100000,
    r"^node_time_seconds$": 5,
    r"^node_filesystem_(avail|free|size)_bytes": 4e9,
    r"^node_filesystem_files(_free)?\{": 1e6,
    r"^node_memory_\w+$": 4e9,
    r"^node_sockstat_\w+$": 1e5,
    r"^node_filefd_allocated$": 1e5,
    r"^node_(arp_entries|nf_conntrack_\w+|softnet_backlog_len|udp_queues|entropy_\w+)": 1e6,
    r"^node_netstat_Tcp_CurrEstab$": 1e4,
    r"^node_timex_(maxerror|offset|estimated_error|frequency|status|tick|loop|tai|pps|sync)": 1e-1,
}

SERIES = re.compile(r'^([a-zA-Z_:][\w:]*)(\{.*\})? (\S+)$')
LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


def parse(text):
    """{series: value}, {family: (type, help)}; labels sorted, empty ones left out."""
    series, meta = {}, {}
    for line in text.splitlines():
        if line.startswith("# "):
            kind, name, rest = (line[2:].split(" ", 2) + [""])[:3]
            if kind in ("HELP", "TYPE"):
                old = meta.get(name, ("", ""))
                meta[name] = (rest, old[1]) if kind == "TYPE" else (old[0], rest)
            continue
        match = SERIES.match(line)
        if not match:
            raise ValueError(f"not a series: {line!r}")
        labels = sorted((n, v) for n, v in LABEL.findall(match[2] or "") if v)
        inner = ",".join(f'{n}="{v}"' for n, v in labels)
        key = match[1] + (f"{{{inner}}}" if inner else "")
        if key in series:
            raise ValueError(f"series twice: {key}")
        series[key] = float(match[3])
    return series, meta


class Exporter:
    def __init__(self, program, version):
        names = COLLECTORS + (NEW_COLLECTORS if version >= (1, 9) else [])
        flags = [f"--collector.{name}" for name in names]
        self.process = subprocess.Popen(
            [program, "--web.listen-address=127.0.0.1:0", "--collector.disable-defaults",
             f"--collector.diskstats.device-exclude={DISK_EXCLUDE}",
             f"--collector.filesystem.mount-points-exclude={MOUNT_EXCLUDE}"] + flags,
            stderr=subprocess.PIPE, text=True)
        self.address = None
        for line in self.process.stderr:
            found = re.search(r"address=(127\.0\.0\.1:\d+)", line)
            if found:
                self.address = found[1]
                break
        if not self.address:
            raise RuntimeError("node_exporter did not tell its address")

    def read(self):
        url = f"http://{self.address}/metrics"
        with urllib.request.urlopen(url, timeout=10) as answer:
            return parse(answer.read().decode())

    def stop(self):
        self.process.kill()
        self.process.wait()


def version_of(program):
    text = subprocess.run([program, "--version"], capture_output=True, text=True, check=True)
    return tuple(int(n) for n in re.search(r"version (\d+)\.(\d+)", text.stdout + text.stderr).groups())


def read_proc():
    """A few facts straight from the kernel, as the metrics that must tell them."""
    facts = {}
    for line in open("/proc/stat"):
        words = line.split()
        if re.match(r"cpu\d+$", words[0]):
            modes = ["user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal"]
            for mode, ticks in zip(modes, words[1:]):
                facts[f'node_cpu_seconds_total{{cpu="{words[0][3:]}",mode="{mode}"}}'] = \
                    int(ticks) / 100
        elif words[0] == "ctxt":
            facts["node_context_switches_total"] = int(words[1])
        elif words[0] == "processes":
            facts["node_forks_total"] = int(words[1])
        elif words[0] == "btime":
            facts["node_boot_time_seconds"] = int(words[1])
    for line in open("/proc/meminfo"):
        if line.startswith("MemTotal:"):
            facts["node_memory_MemTotal_bytes"] = int(line.split()[1]) * 1024
    for line in open("/proc/net/dev"):
        if ":" in line:
            name, rest = line.rsplit(":", 1)
            numbers = rest.split()
            for metric, column in (("receive_bytes", 0), ("receive_packets", 1),
                                   ("transmit_bytes", 8), ("transmit_packets", 9)):
                facts[f'node_network_{metric}_total{{device="{name.strip()}"}}'] = \
                    int(numbers[column])
    for line in open("/proc/diskstats"):
        words = line.split()
        if not re.search(DISK_EXCLUDE, words[2]):
            facts[f'node_disk_reads_completed_total{{device="{words[2]}"}}'] = int(words[3])
            facts[f'node_disk_written_bytes_total{{device="{words[2]}"}}'] = int(words[9]) * 512
    for line in open("/proc/vmstat"):
        name, value = line.split()
        if re.match(r"(oom_kill|pgpg|pswp|pg.*fault)", name):
            facts[f"node_vmstat_{name}"] = int(value)
    return facts


def ours_of(dump):
    return parse(subprocess.run([dump], capture_output=True, text=True, check=True).stdout)


class Comparison:
    def __init__(self, version):
        self.version = version
        self.errors = []
        self.compared = 0

    def allowed(self, key, kind):
        here = ("all", "1.5" if self.version < (1, 9) else "1.11")
        for pattern, what, versions, _ in ALLOWED:
            if what == kind and versions in here and re.search(pattern, key):
                return True
        return False

    def error(self, kind, key, text):
        if not self.allowed(key, kind):
            self.errors.append(f"{key}: {text}")

    def names(self, ours, before, after):
        theirs = {key for key in before if key in after}
        for key in sorted(theirs - set(ours)):
            # A device error's text is a label of 1.11 only.
            self.error("theirs", key, "only node_exporter has it")
        for key in sorted(set(ours) - set(before) - set(after)):
            self.error("ours", key, "only we have it")

    def metadata(self, ours, theirs):
        for name in sorted(set(ours) & set(theirs)):
            if ours[name] != theirs[name]:
                self.error("meta", name, f"ours {ours[name]}, theirs {theirs[name]}")

    def values(self, ours, before, after, meta):
        for key in sorted(set(ours) & set(before) & set(after)):
            low, mine, high = before[key], ours[key], after[key]
            self.compared += 1
            kind = meta[key.split("{")[0]][0]
            if kind in ("counter", "untyped") and not key.endswith("CurrEstab"):
                # Idle and iowait may go back by a tick; we never do.
                if not low - 0.02 <= mine <= high + 0.02:
                    self.error("value", key, f"{mine} is not between {low} and {high}")
            elif mine != low or mine != high:
                slack = next((s for p, s in MOVING.items() if re.search(p, key)), 0)
                if not min(low, high) - slack <= mine <= max(low, high) + slack:
                    self.error("value", key, f"{mine}, theirs {low} and {high}")


def main():
    dump = sys.argv[1]
    exporter_path = (sys.argv[2] if len(sys.argv) > 2 else
                     os.environ.get("BARO_NODE_EXPORTER", "/usr/bin/prometheus-node-exporter"))
    if not os.access(exporter_path, os.X_OK):
        print(f"no node_exporter at {exporter_path}: skipped")
        return 77
    comparison = Comparison(version_of(exporter_path))
    exporter = Exporter(exporter_path, comparison.version)
    try:
        exporter.read()  # its first scrape starts what later ones only read
        before, _ = exporter.read()
        proc_before = read_proc()
        ours, our_meta = ours_of(dump)
        proc_after = read_proc()
        after, their_meta = exporter.read()
    finally:
        exporter.stop()
    comparison.names(ours, before, after)
    comparison.metadata(our_meta, their_meta)
    comparison.values(ours, before, after, our_meta)
    for key in sorted(set(proc_before) & set(proc_after)):
        if key not in ours:
            comparison.errors.append(f"{key}: /proc has it, we do not")
        elif not proc_before[key] <= ours[key] <= proc_after[key]:
            comparison.errors.append(
                f"{key}: {ours[key]}, /proc {proc_before[key]} and {proc_after[key]}")
    for error in comparison.errors:
        print("DIFFERENT", error)
    print(f"node_exporter {'.'.join(map(str, comparison.version))}: {comparison.compared} series "
          f"compared with it, {len(proc_before)} with /proc, {len(comparison.errors)} different")
    if comparison.compared < 150 or len(proc_before) < 30:
        print("too few series compared")
        return 1
    return 1 if comparison.errors else 0


if __name__ == "__main__":
    sys.exit(main())

#!/usr/bin/env python3
"""baro-agent with a collector, and a real Prometheus, scrape the same servers with the same scrape_configs: what they
accept and refuse, every series, value, histogram and exemplar they have afterwards must be the same.

Usage: scrape_test.py BARO_COLLECTOR BARO_AGENT
  BARO_PROMETHEUS or BARO_PEERS_DIR name the peer (3.x); without one the test is skipped.
  BARO_SEED repeats a run; BARO_CASES is the number of damaged bodies.

Bodies are served from memory: odd ones by hand, and those of real exporters (node_exporter, prometheus, alertmanager)
in each of their formats, whole and damaged at random. Targets are told by http_sd_configs.
"""

import http.server
import json
import os
import random
import shutil
import sys
import tempfile
import threading
import time
import urllib.parse
import urllib.request

from scrape_bodies import OPEN_METRICS, PROTOBUF, TEXT, damaged_cases, odd_cases
from servers import Server, free_port, start_collector, wait_until

# What may differ: how long a scrape took, and when a series was seen first.
VOLATILE = {"scrape_duration_seconds", "scrape_series_added"}
SKIPPED = 77

CONFIG = """
global: {{scrape_interval: 1s, scrape_timeout: 1s{ours}}}
scrape_configs:
- job_name: odd
  http_sd_configs: [{{url: "{base}/sd/odd"}}]
- job_name: damaged
  http_sd_configs: [{{url: "{base}/sd/damaged"}}]
- job_name: real
  http_sd_configs: [{{url: "{base}/sd/real"}}]
- job_name: classic_too
  always_scrape_classic_histograms: true
  http_sd_configs: [{{url: "{base}/sd/real"}}]
- job_name: converted
  convert_classic_histograms_to_nhcb: true
  http_sd_configs: [{{url: "{base}/sd/real"}}]
- job_name: fallback
  fallback_scrape_protocol: PrometheusText0.0.4
  http_sd_configs: [{{url: "{base}/sd/odd"}}]
- job_name: honor
  honor_labels: true
  honor_timestamps: false
  http_sd_configs: [{{url: "{base}/sd/odd"}}]
- job_name: legacy
  metric_name_validation_scheme: legacy
  metric_name_escaping_scheme: underscores
  http_sd_configs: [{{url: "{base}/sd/odd"}}]
- job_name: limited
  sample_limit: 2000
  label_limit: 6
  label_name_length_limit: 20
  label_value_length_limit: 60
  body_size_limit: 200KB
  http_sd_configs: [{{url: "{base}/sd/odd"}}, {{url: "{base}/sd/real"}}]
- job_name: relabelled
  params: {{a: [b, c d], e: ["&=/"]}}
  http_sd_configs: [{{url: "{base}/sd/real"}}]
  relabel_configs:
  - {{source_labels: [case], regex: "(.*)-(.*)", target_label: kind, replacement: "${{2}}_$1"}}
  - {{action: hashmod, source_labels: [case], modulus: 7, target_label: shard}}
  - {{action: uppercase, source_labels: [case], target_label: loud}}
  - {{action: lowercase, source_labels: [loud], target_label: quiet}}
  - {{action: keepequal, source_labels: [quiet], target_label: case}}
  - {{action: dropequal, source_labels: [shard], target_label: case}}
  metric_relabel_configs:
  - {{action: drop, source_labels: [__name__], regex: "go_.*"}}
  - {{action: labelmap, regex: "(c.*)", replacement: "mapped_$1"}}
  - {{action: labeldrop, regex: "code|mode"}}
  - {{source_labels: [__name__], regex: "node_(.*)", target_label: __name__, replacement: "machine_$1"}}
  - {{action: keep, source_labels: [__name__], regex: ".*[a-s]"}}
"""


class Bodies:
    """Serves bodies at /case/NAME and target lists at /sd/JOB."""

    def __init__(self):
        self.cases = {}
        self.jobs = {}
        bodies = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                path = urllib.parse.urlsplit(self.path).path
                if path.startswith("/sd/"):
                    kind, body = "application/json", bodies.targets(path[4:])
                else:
                    kind, body = bodies.cases[urllib.parse.unquote(path[len("/case/") :])]
                self.send_response(200)
                self.send_header("Content-Type", kind)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def add(self, job, cases):
        for name, kind, body in cases:
            self.cases[name] = (kind, body)
        self.jobs.setdefault(job, []).extend(name for name, _, _ in cases)

    def targets(self, job):
        groups = [
            {
                "targets": [f"127.0.0.1:{self.port}"],
                "labels": {"__metrics_path__": "/case/" + name, "case": name, "instance": name},
            }
            for name in self.jobs[job]
        ]
        return json.dumps(groups).encode()


def peer_binary(name):
    folder = os.environ.get("BARO_PEERS_DIR")
    if name == "prometheus" and os.environ.get("BARO_PROMETHEUS"):
        return os.environ["BARO_PROMETHEUS"]
    if folder:
        for sub in ("usr/bin", "bin", ""):
            path = os.path.join(folder, sub, name)
            if os.access(path, os.X_OK):
                return path
    return None


def capture(url):
    """[(suffix, content type, body)] of a real exporter, in each format it speaks."""
    found = []
    for suffix, accept in (("text", TEXT), ("om", OPEN_METRICS), ("proto", PROTOBUF)):
        request = urllib.request.Request(url, headers={"Accept": accept})
        with urllib.request.urlopen(request, timeout=10) as answer:
            kind, body = answer.headers["Content-Type"], answer.read()
        if kind.split(";")[0] == accept.split(";")[0]:
            found.append((suffix, accept, body))
    return found


def start_exporter(name, folder, flags):
    binary = peer_binary(name)
    if binary is None:
        return None
    port = free_port()
    os.makedirs(os.path.join(folder, name), exist_ok=True)
    command = [binary, f"--web.listen-address=127.0.0.1:{port}", *flags]
    server = Server(name, command, os.path.join(folder, name))
    server.url = f"http://127.0.0.1:{port}"
    wait_until(lambda: server.answers("/metrics"), name + " answering")
    return server


def captured_exporters(folder):
    cases = []
    config = os.path.join(folder, "empty.yml")
    with open(config, "w", encoding="utf-8") as file:
        file.write("scrape_configs: []\n")
    with open(os.path.join(folder, "am.yml"), "w", encoding="utf-8") as file:
        file.write("route: {receiver: a}\nreceivers: [{name: a}]\n")
    for name, flags in (
        ("node_exporter", ["--collector.disable-defaults", "--collector.cpu", "--collector.meminfo", "--collector.netdev"]),
        ("prometheus", ["--config.file=" + config, "--storage.tsdb.path=data"]),
        ("alertmanager", ["--config.file=" + os.path.join(folder, "am.yml"), "--cluster.listen-address="]),
    ):
        server = start_exporter(name, folder, flags)
        if server is None:
            continue
        for suffix, kind, body in capture(server.url + "/metrics"):
            cases.append((f"{name}-{suffix}", kind, body))
        server.stop()
    return cases


def ask(url, path, **parameters):
    query = urllib.parse.urlencode(parameters)
    with urllib.request.urlopen(f"{url}{path}?{query}", timeout=60) as answer:
        return json.load(answer)["data"]


def samples_of(url, job, time_s):
    """{labels: value or histogram} of a job now."""
    found = {}
    for row in ask(url, "/api/v1/query", query=f'{{job="{job}"}}', time=f"{time_s:.3f}")["result"]:
        metric = row["metric"]
        if metric["__name__"] in VOLATILE and metric.get("case") == metric.get("instance"):
            continue
        key = json.dumps(metric, sort_keys=True)
        found[key] = json.dumps(row["histogram"][1], sort_keys=True) if "histogram" in row else row["value"][1]
    return found


def exemplars_of(url, job, start_s):
    found = {}
    for row in ask(url, "/api/v1/query_exemplars", query=f'{{job="{job}"}}', start=start_s - 3600, end=start_s + 3600):
        key = json.dumps(row["seriesLabels"], sort_keys=True)
        # When an exemplar has no time of its own it is that of the scrape.
        found[key] = sorted(
            {json.dumps([e["labels"], e["value"]], sort_keys=True) for e in row["exemplars"]}
        )
    return found


def difference(ours, theirs):
    lines = []
    for key in sorted(ours.keys() | theirs.keys()):
        if ours.get(key) != theirs.get(key):
            lines.append(f"  {key}\n    ours   {ours.get(key)}\n    theirs {theirs.get(key)}")
    return lines


def all_scraped(url, jobs, bodies):
    for job, sources in jobs.items():
        wanted = sum(len(bodies.jobs[source]) for source in sources)
        rows = ask(url, "/api/v1/query", query=f'count(up{{job="{job}"}})')["result"]
        if not rows or int(rows[0]["value"][1]) < wanted:
            return False
    return True


def main():
    collector_binary, agent_binary = sys.argv[1], sys.argv[2]
    prometheus_binary = peer_binary("prometheus")
    if prometheus_binary is None:
        print("skipped: neither BARO_PROMETHEUS nor BARO_PEERS_DIR names a prometheus")
        return SKIPPED
    seed = int(os.environ.get("BARO_SEED") or random.SystemRandom().randrange(10**9))
    count = int(os.environ.get("BARO_CASES", "150"))
    print(f"BARO_SEED={seed}", flush=True)
    folder = tempfile.mkdtemp(prefix="baro-scrape-")
    started = []
    bodies = Bodies()
    try:
        real = captured_exporters(folder)
        bodies.add("real", real)
        bodies.add("odd", odd_cases(int(time.time() * 1000)))
        bodies.add("damaged", damaged_cases(seed, real or bodies_of_text(), count))
        base = f"http://127.0.0.1:{bodies.port}"
        peer_folder, our_folder = os.path.join(folder, "peer"), os.path.join(folder, "ours")
        os.makedirs(peer_folder)
        os.makedirs(our_folder)
        with open(os.path.join(peer_folder, "p.yml"), "w", encoding="utf-8") as file:
            file.write(CONFIG.format(base=base, ours=""))
        with open(os.path.join(our_folder, "a.yml"), "w", encoding="utf-8") as file:
            file.write(CONFIG.format(base=base, ours=", scrape_native_histograms: true") + "node: {enabled: false}\n")
        port = free_port()
        peer = Server(
            "prometheus",
            [
                prometheus_binary,
                "--config.file=p.yml",
                "--storage.tsdb.path=data",
                f"--web.listen-address=127.0.0.1:{port}",
                "--enable-feature=native-histograms,exemplar-storage",
            ],
            peer_folder,
        )
        started.append(peer)
        peer.url = f"http://127.0.0.1:{port}"
        wait_until(lambda: peer.answers("/-/ready"), "prometheus being ready")
        grpc = free_port()
        collector = start_collector(collector_binary, folder, f"--grpc.listen-address=127.0.0.1:{grpc}")
        started.append(collector)
        agent = Server(
            "agent",
            [
                agent_binary,
                "--config.file=a.yml",
                f"--collector.address=127.0.0.1:{grpc}",
                "--http.listen-address=127.0.0.1:0",
                "--spool.path=spool",
            ],
            our_folder,
        )
        started.append(agent)
        jobs = {"odd": ["odd"], "damaged": ["damaged"], "real": ["real"], "classic_too": ["real"],
                "converted": ["real"], "fallback": ["odd"], "honor": ["odd"], "legacy": ["odd"],
                "limited": ["odd", "real"]}
        wait_until(lambda: all_scraped(peer.url, jobs, bodies), "prometheus scraping all", 120)
        wait_until(lambda: agent.alive() and all_scraped(collector.url, jobs, bodies), "the agent scraping all", 120)
        deadline = time.monotonic() + 60
        differences = {}
        # Samples of the last seconds are on their way: what does not vanish by itself counts.
        while time.monotonic() < deadline:
            differences = {}
            now = time.time() - 2
            for job in [*jobs, "relabelled"]:
                lines = difference(samples_of(collector.url, job, now), samples_of(peer.url, job, now))
                lines += difference(exemplars_of(collector.url, job, now), exemplars_of(peer.url, job, now))
                if lines:
                    differences[job] = lines
            if not differences:
                break
            time.sleep(1)
        compared = sum(len(samples_of(collector.url, job, now)) for job in [*jobs, "relabelled"])
        print(f"{len(bodies.cases)} bodies, {compared} series compared")
        for job, lines in differences.items():
            print(f"job {job}: {len(lines)} differ")
            print("\n".join(lines[:40]))
        if os.environ.get("BARO_KEEP"):
            with open(os.path.join(folder, "bodies.json"), "w", encoding="utf-8") as file:
                json.dump({n: [k, repr(b[:2000])] for n, (k, b) in bodies.cases.items()}, file, indent=1)
            print("kept", folder)
        return 1 if differences or compared == 0 else 0
    finally:
        for server in reversed(started):
            server.stop()
        if not os.environ.get("BARO_KEEP"):
            shutil.rmtree(folder, ignore_errors=True)


def bodies_of_text():
    return [case for case in odd_cases(0) if case[0].startswith("text-") and case[2]]


if __name__ == "__main__":
    sys.exit(main())

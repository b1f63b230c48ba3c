#!/usr/bin/env python3
"""Agent and collector side by side with vmagent and VictoriaMetrics: the same targets, one after the other, in one run.

Targets answer with real captured scrapes (bench/capture.py), so that values change as they do in life. Reported for each:
CPU of the agent and of the server per 1,000 samples delivered (from /proc, not wall time), memory, bytes on the wire.

usage: bench/fleet.py CAPTURE_FOLDER --bin-dir build/release/bin [--peers FOLDER] [--targets 50] [--interval 5] [--seconds 60]
"""
import argparse
import os
import re
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'tests', 'e2e'))
import processes  # noqa: E402


def jobs(port, options):
    rows = []
    for number in range(options.targets):
        rows.append(f'- job_name: fleet-{number:04}\n  metrics_path: /t/{number}\n  static_configs:\n'
                    f'  - targets: ["127.0.0.1:{port}"]\n    labels: {{instance: "host-{number:04}"}}')
    return (f'global:\n  scrape_interval: {options.interval}s\n  scrape_timeout: {options.interval}s\nscrape_configs:\n'
            + '\n'.join(rows) + '\n')


class Meter:
    """CPU and memory of a process, and a counter, between two moments."""

    def __init__(self, program):
        self.program, self.begin, self.cpu, self.peak = program, 0.0, 0.0, 0

    def start(self):
        self.begin = self.program.cpu_seconds()

    def stop(self):
        self.cpu = self.program.cpu_seconds() - self.begin
        self.rss = self.program.memory_bytes()
        self.peak = self.program.memory_bytes('VmHWM')


def measure(name, agent, server, delivered, wire_bytes, options):
    """Warm up two intervals, then measure."""
    processes.wait_for(f'{name}: first samples', lambda: (delivered() or 0) > 0)
    time.sleep(2 * options.interval)
    meters = Meter(agent), Meter(server)
    for meter in meters:
        meter.start()
    samples, sent = delivered(), wire_bytes() or 0
    time.sleep(options.seconds)
    samples, sent = delivered() - samples, (wire_bytes() or 0) - sent
    for meter in meters:
        meter.stop()
    return {'name': name, 'samples': samples, 'agent': meters[0], 'server': meters[1], 'wire': sent / max(samples, 1)}


def run_barograph(port, options, targets=None):
    options = argparse.Namespace(**{**vars(options), 'targets': targets or options.targets})
    with processes.Stage(options.bin_dir) as stage:
        collector = stage.collector().start()
        processes.wait_ready(collector)
        config = 'node:\n  interval: 15s\n' + jobs(port, options)
        agent = stage.agent(collector.grpc, config).start()
        processes.wait_ready(agent)
        result = measure('barograph', agent, collector,
                         lambda: processes.metric(collector.url, 'baro_store_samples_total', 'outcome="stored"'),
                         lambda: processes.metric(agent.url, 'baro_agent_push_bytes_sent_total'), options)
        result['disk'] = processes.metric(collector.url, 'baro_store_journal_bytes')
        return result


def run_victoria(port, options):
    with processes.Stage(options.peers) as stage:
        server_port, agent_port = processes.free_port(), processes.free_port()
        server = stage.add('victoria-metrics', [
            os.path.join(options.peers, 'victoria-metrics'), f'-storageDataPath={stage.path("vm")}',
            f'-httpListenAddr=127.0.0.1:{server_port}']).start()
        server.url = f'http://127.0.0.1:{server_port}'
        agent = stage.add('vmagent', [
            os.path.join(options.peers, 'vmagent'), f'-promscrape.config={stage.write("scrape.yml", jobs(port, options))}',
            f'-remoteWrite.url={server.url}/api/v1/write', f'-remoteWrite.tmpDataPath={stage.path("queue")}',
            f'-httpListenAddr=127.0.0.1:{agent_port}']).start()
        agent.url = f'http://127.0.0.1:{agent_port}'
        return measure('vmagent + VictoriaMetrics', agent, server,
                       lambda: processes.metric(server.url, 'vm_rows_inserted_total'),
                       lambda: processes.metric(agent.url, 'vmagent_remotewrite_bytes_sent_total'), options)


def show(results):
    print('| system | samples | agent CPU ms / 1,000 | server CPU µs / sample | agent RSS MB | server RSS MB | wire B / sample |')
    print('| --- | --- | --- | --- | --- | --- | --- |')
    for row in results:
        thousands = row['samples'] / 1000
        print(f"| {row['name']} | {row['samples']:.0f} | {row['agent'].cpu * 1000 / thousands:.3f} | "
              f"{row['server'].cpu * 1e6 / row['samples']:.3f} | {row['agent'].rss / 1e6:.1f} | {row['server'].rss / 1e6:.1f} | "
              f"{row['wire']:.2f} |")


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument('capture')
    arguments.add_argument('--bin-dir', required=True)
    arguments.add_argument('--peers')
    arguments.add_argument('--only', help='one exporter of the capture, for all targets')
    arguments.add_argument('--growth', action='store_true', help='once more with three times the targets: bytes a series')
    arguments.add_argument('--targets', type=int, default=50)
    arguments.add_argument('--interval', type=int, default=5)
    arguments.add_argument('--seconds', type=int, default=60)
    options = arguments.parse_args()
    here = os.path.dirname(os.path.abspath(__file__))
    with processes.Stage(options.bin_dir) as stage:
        only = ['--only', options.only] if options.only else []
        targets = stage.add('targets', [sys.executable, os.path.join(here, 'targets.py'), options.capture, *only]).start()
        port = int(processes.wait_for('targets', lambda: re.search(r'port (\d+)', targets.log_tail())).group(1))
        results = [run_barograph(port, options)]
        growth = run_barograph(port, options, 3 * options.targets) if options.growth else None
        if options.peers:
            results.append(run_victoria(port, options))
    show(results)
    if growth is not None:
        scrapes = options.seconds / options.interval
        more_series = (growth['samples'] - results[0]['samples']) / scrapes
        more_bytes = growth['agent'].rss - results[0]['agent'].rss
        print(f'\n{3 * options.targets} targets: agent RSS {growth["agent"].rss / 1e6:.1f} MB, '
              f'{more_bytes / more_series:.0f} B a further series')


if __name__ == '__main__':
    main()

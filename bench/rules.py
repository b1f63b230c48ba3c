#!/usr/bin/env python3
"""What rules cost: the same rule files over the same samples in Barograph, Prometheus, and vmalert with VictoriaMetrics.

usage: bench/rules.py --bin-dir DIR --peers DIR [--rules 10000] [--series 100000] [--interval 15] [--seconds 120] [--only NAME]

Each system gets every series by remote write once an interval, first without rules, then with them; what rules cost is the
difference in CPU time (of the process, and of vmalert as well). Half of the rules compare a gauge with a threshold, half are a
ratio of rates; one in a hundred fires. CPU time is that of /proc: it does not count what other processes take.
"""
import argparse
import json
import os
import pathlib
import socket
import struct
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

TICKS = os.sysconf('SC_CLK_TCK')
GROUP_RULES = 50
SERIES_PER_REQUEST = 5_000


def varint(number):
    out = bytearray()
    while number > 0x7f:
        out.append(number & 0x7f | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def field(number, payload):
    return varint(number << 3 | 2) + varint(len(payload)) + payload


def label(name, value):
    return field(1, field(1, name.encode()) + field(2, value.encode()))


def snappy(data):
    """A snappy block of literals alone: valid, not small."""
    out = bytearray(varint(len(data)))
    for at in range(0, len(data), 65536):
        part = data[at:at + 65536]
        out += bytes([61 << 2]) + struct.pack('<H', len(part) - 1) + part
    return bytes(out)


def make_series(count, rules):
    """[(encoded labels, kind, number)]: by rule either gauges or request counters of one service."""
    series = []
    per_rule = count // rules
    for rule in range(rules):
        for number in range(per_rule):
            instance = f'i{number}'
            if rule % 2 == 0:
                labels = (label('__name__', 'load_ratio') + label('instance', instance) + label('job', 'node')
                          + label('service', f's{rule}'))
                series.append((labels, 'gauge', rule * per_rule + number))
            else:
                code = '500' if number < per_rule // 5 else '200'
                labels = (label('__name__', 'requests_total') + label('code', code) + label('instance', instance)
                          + label('job', 'app') + label('service', f's{rule}'))
                series.append((labels, 'counter', rule * per_rule + number))
    return series


def value_at(kind, number, tick):
    if kind == 'gauge':
        return 0.99 if number % 1000 < 10 and tick % 40 > 10 else (number * 7 + tick * 13) % 90 / 100
    return float(tick * (number % 50 + 1))


def push(url, series, tick, now_ms):
    for at in range(0, len(series), SERIES_PER_REQUEST):
        body = bytearray()
        for labels, kind, number in series[at:at + SERIES_PER_REQUEST]:
            sample = b'\x09' + struct.pack('<d', value_at(kind, number, tick)) + b'\x10' + varint(now_ms)
            body += field(1, labels + field(2, sample))
        request = urllib.request.Request(url, data=snappy(bytes(body)), headers={
            'Content-Type': 'application/x-protobuf', 'Content-Encoding': 'snappy', 'X-Prometheus-Remote-Write-Version': '0.1.0'})
        urllib.request.urlopen(request, timeout=60).read()


def write_rules(path, rules, interval):
    with open(path, 'w') as out:
        out.write('groups:\n')
        for first in range(0, rules, GROUP_RULES):
            out.write(f'- name: g{first}\n  interval: {interval}s\n  rules:\n')
            for rule in range(first, min(first + GROUP_RULES, rules)):
                if rule % 2 == 0:
                    expr = f'load_ratio{{job="node",service="s{rule}"}} > 0.95'
                else:
                    errors = f'sum(rate(requests_total{{job="app",service="s{rule}",code=~"5.."}}[5m]))'
                    expr = f'{errors} / sum(rate(requests_total{{job="app",service="s{rule}"}}[5m])) > 0.5'
                out.write(f'  - alert: A{rule}\n    expr: {expr}\n    for: 1m\n    labels: {{severity: page}}\n'
                          f'    annotations: {{summary: "{{{{ $labels.instance }}}} is at {{{{ $value }}}}"}}\n')


def cpu_seconds(processes):
    total = 0
    for process in processes:
        stat = pathlib.Path(f'/proc/{process.pid}/stat').read_text().rsplit(')', 1)[1].split()
        total += (int(stat[11]) + int(stat[12])) / TICKS
    return total


def free_port():
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return probe.getsockname()[1]


def wait_for(url, seconds=60):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            with urllib.request.urlopen(url, timeout=2):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.2)
    sys.exit(f'{url} does not answer')


class System:
    """One system with its processes; `enable` is what turns the rules on."""

    def __init__(self, name, folder, options):
        self.name, self.folder, self.options = name, folder, options
        self.processes = []
        self.log = open(folder / 'log', 'w')

    def start(self, command):
        self.processes.append(subprocess.Popen(list(map(str, command)), stdout=self.log, stderr=self.log))

    def stop(self):
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            process.wait()


class Barograph(System):
    def begin(self):
        self.port = free_port()
        self.url = f'http://127.0.0.1:{self.port}'
        (self.folder / 'c.yml').write_text('rule_files: ["rules*.yml"]\n')
        self.start([self.options.bin_dir / 'baro-collector', '--config.file', self.folder / 'c.yml', '--storage.path',
                    self.folder / 'data', '--web.listen-address', f'127.0.0.1:{self.port}', '--grpc.listen-address',
                    f'127.0.0.1:{free_port()}'])
        wait_for(self.url + '/-/ready')
        self.write_url = self.url + '/api/v1/write'

    def enable(self, rules):
        (self.folder / 'rules.yml').write_text(rules.read_text())
        urllib.request.urlopen(urllib.request.Request(self.url + '/-/reload', method='POST'), timeout=60)

    def missed(self):
        return metric_sum(self.url, 'baro_rule_group_iterations_missed_total')


class Prometheus(System):
    def begin(self):
        self.port = free_port()
        self.url = f'http://127.0.0.1:{self.port}'
        (self.folder / 'p.yml').write_text('rule_files: ["rules*.yml"]\n')
        self.start([self.options.peers / 'prometheus', f'--config.file={self.folder}/p.yml', '--web.enable-remote-write-receiver',
                    '--web.enable-lifecycle', f'--storage.tsdb.path={self.folder}/data', f'--web.listen-address=127.0.0.1:{self.port}'])
        wait_for(self.url + '/-/ready')
        self.write_url = self.url + '/api/v1/write'

    enable = Barograph.enable

    def missed(self):
        return metric_sum(self.url, 'prometheus_rule_group_iterations_missed_total')


class Vmalert(System):
    def begin(self):
        self.port, self.alert_port = free_port(), free_port()
        self.url = f'http://127.0.0.1:{self.port}'
        self.start([self.options.peers / 'victoria-metrics', f'-storageDataPath={self.folder}/data',
                    f'-httpListenAddr=127.0.0.1:{self.port}'])
        wait_for(self.url + '/health')
        self.write_url = self.url + '/api/v1/write'

    def enable(self, rules):
        self.start([self.options.peers / 'vmalert', f'-rule={rules}', f'-datasource.url={self.url}', f'-remoteWrite.url={self.url}',
                    '-notifier.blackhole', f'-httpListenAddr=127.0.0.1:{self.alert_port}'])
        wait_for(f'http://127.0.0.1:{self.alert_port}/health')

    def missed(self):
        return metric_sum(f'http://127.0.0.1:{self.alert_port}', 'vmalert_iteration_missed_total')


def metric_sum(url, name):
    text = urllib.request.urlopen(url + '/metrics', timeout=30).read().decode()
    return sum(float(line.rsplit(' ', 1)[1]) for line in text.splitlines() if line.startswith(name))


def feed(system, series, interval, seconds, tick):
    """Pushes once an interval; CPU time that the system's processes took, and the next tick."""
    begin, cpu = time.monotonic(), cpu_seconds(system.processes)
    while time.monotonic() - begin < seconds:
        push(system.write_url, series, tick, int(time.time() * 1000))
        tick += 1
        turn = int((time.monotonic() - begin) / interval) + 1
        time.sleep(max(0, begin + turn * interval - time.monotonic()))
    return (cpu_seconds(system.processes) - cpu) / (time.monotonic() - begin), tick


def measure(kind, options, series, rules):
    with tempfile.TemporaryDirectory(prefix='baro-rules-') as folder:
        system = kind(kind.__name__, pathlib.Path(folder), options)
        try:
            system.begin()
            feed(system, series, options.interval, 2 * options.interval, 0)  # new series are not what is measured
            without, tick = feed(system, series, options.interval, options.seconds / 2, 2)
            system.enable(rules)
            feed(system, series, options.interval, 2 * options.interval, tick)
            missed = system.missed()
            with_rules, _ = feed(system, series, options.interval, options.seconds, tick + 2)
            return {'system': kind.__name__, 'ingest_cores': round(without, 4), 'all_cores': round(with_rules, 4),
                    'rules_cores': round(with_rules - without, 4), 'missed': system.missed() - missed}
        finally:
            system.stop()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--bin-dir', type=pathlib.Path, required=True)
    parser.add_argument('--peers', type=pathlib.Path, required=True)
    parser.add_argument('--rules', type=int, default=10_000)
    parser.add_argument('--series', type=int, default=100_000)
    parser.add_argument('--interval', type=int, default=15)
    parser.add_argument('--seconds', type=int, default=120)
    parser.add_argument('--only')
    options = parser.parse_args()
    series = make_series(options.series, options.rules)
    print(f'{options.rules} rules every {options.interval} s over {len(series)} series', flush=True)
    with tempfile.TemporaryDirectory() as folder:
        rules = pathlib.Path(folder) / 'rules.yml'
        write_rules(rules, options.rules, options.interval)
        for kind in (Barograph, Prometheus, Vmalert):
            if not options.only or options.only.lower() == kind.__name__.lower():
                print(json.dumps(measure(kind, options, series, rules)), flush=True)


if __name__ == '__main__':
    main()

#!/usr/bin/env python3
"""Captures real scrapes: starts Debian's exporters and what they watch on free loopback ports, keeps this machine busy in
a varied way, and writes each answer to FOLDER/<exporter>/<number>.txt.

Captured: node_exporter, postgres_exporter (of a PostgreSQL of its own under pgbench), Prometheus and VictoriaMetrics
(both scraping all the others and answering queries), Alertmanager (given alerts that come and go). `bench/corpus.py pack`
makes the compressed form in bench/data of such a folder.

usage: bench/capture.py FOLDER [--scrapes 120] [--interval 1.0] [--bin FOLDER_OF_NEWER_PEERS]
"""
import argparse
import datetime
import json
import os
import pathlib
import random
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, '..', 'tools', 'demo'))
import fleet  # noqa: E402
import postgres  # noqa: E402

DEADLINE_S = 20
NAMES = ('node', 'postgres', 'prometheus', 'victoria', 'alertmanager')
EXPRESSIONS = ('rate(node_cpu_seconds_total[1m])', 'sum by (job) (up)', 'pg_stat_database_blks_hit',
               'histogram_quantile(0.9, rate(prometheus_http_request_duration_seconds_bucket[1m]))',
               'topk(5, process_resident_memory_bytes)', 'node_disk_written_bytes_total - node_disk_read_bytes_total')


def program(name, folder):
    newer = os.path.join(folder or '', name)
    return newer if folder and os.access(newer, os.X_OK) else shutil.which(name)


def with_its_templates(path, command):
    """Debian's Alertmanager reads its templates from /usr/share only. For one that is unpacked elsewhere, and when we may,
    they are mounted there in a name space of its own: nothing is installed."""
    unpacked = os.path.normpath(os.path.join(os.path.dirname(path), '..', 'share', 'prometheus'))
    there = '/usr/share/prometheus'
    if unpacked == there or not os.path.isdir(there) or os.geteuid() != 0 or not os.path.isdir(unpacked):
        return command
    return ['unshare', '--mount', 'sh', '-c', f'mount --bind "$0" {there} && exec "$@"', unpacked] + command


def scrape_config(ports):
    targets = '\n'.join(f'- job_name: {name}\n  static_configs:\n  - targets: ["127.0.0.1:{port}"]'
                        for name, port in ports.items())
    return f'global: {{scrape_interval: 1s, scrape_timeout: 1s}}\nscrape_configs:\n{targets}\n'


def commands(ports, work, config, alerts):
    node, prometheus = ports['node'], ports['prometheus']
    return {
        'node': ['prometheus-node-exporter', f'--web.listen-address=127.0.0.1:{node}'],
        'prometheus': ['prometheus', f'--config.file={config}', f'--storage.tsdb.path={work}/prometheus',
                       f'--web.listen-address=127.0.0.1:{prometheus}'],
        'victoria': ['victoria-metrics', f'-storageDataPath={work}/victoria', f'-promscrape.config={config}',
                     f'-httpListenAddr=127.0.0.1:{ports["victoria"]}'],
        'alertmanager': ['prometheus-alertmanager', f'--config.file={alerts}', f'--storage.path={work}/alertmanager',
                         f'--web.listen-address=127.0.0.1:{ports["alertmanager"]}', '--cluster.listen-address='],
    }


def start_exporters(started, folder, work):
    """Returns {name: url}; those whose program is missing are left out with a word."""
    *found, database = fleet.free_ports(len(NAMES) + 1)
    ports = dict(zip(NAMES, found))
    config, alerts = os.path.join(work, 'scrape.yml'), os.path.join(work, 'alerts.yml')
    pathlib.Path(config).write_text(scrape_config(ports), encoding='utf-8')
    pathlib.Path(alerts).write_text('route: {receiver: none, group_by: [alertname], group_wait: 1s, group_interval: 5s}\n'
                                    'receivers: [{name: none}]\n', encoding='utf-8')
    os.chmod(work, 0o755)  # PostgreSQL runs as a user of its own
    try:
        postgres.Postgres(started, work, database, ports['postgres']).start()
    except fleet.DemoError as error:
        print(f'capture: no postgres, left out: {error}', file=sys.stderr)
        del ports['postgres']
    for name, command in commands(ports, work, config, alerts).items():
        path = program(command[0], folder)
        if path is None:
            print(f'capture: no {command[0]}, left out', file=sys.stderr)
            del ports[name]
        else:
            command = [path] + command[1:]
            started.start(name, with_its_templates(path, command) if name == 'alertmanager' else command)
    return {name: f'http://127.0.0.1:{port}' for name, port in ports.items()}


def scrape(url):
    with urllib.request.urlopen(url + '/metrics', timeout=5) as answer:
        return answer.read()


def wait_ready(url):
    deadline = time.monotonic() + DEADLINE_S
    while time.monotonic() < deadline:
        try:
            return scrape(url)
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise SystemExit(f'capture: {url} does not answer')


class Load:
    """Varied load in pieces of about a tenth of a second. How busy it is wanders, as a machine's day does."""

    def __init__(self, seed, work, urls):
        self.rng, self.work, self.urls, self.busy = random.Random(seed), work, urls, 0.5

    def piece(self):
        self.busy = min(1.0, max(0.05, self.busy + self.rng.uniform(-0.1, 0.1)))
        if self.rng.random() > self.busy:
            time.sleep(0.05)
            return
        self.rng.choice((self.compute, self.memory, self.disk, self.process, self.query, self.query, self.alert))()

    def compute(self):
        sum(i * i for i in range(self.rng.randrange(100_000, 600_000)))

    def memory(self):
        bytearray(self.rng.randrange(1 << 20, 64 << 20))

    def disk(self):
        with open(os.path.join(self.work, 'junk'), 'wb') as file:
            file.write(os.urandom(self.rng.randrange(1 << 16, 1 << 22)))
            os.fsync(file.fileno())

    def process(self):
        subprocess.run(['true'], check=False)

    def post(self, url, body=None):
        request = urllib.request.Request(url, data=body, headers={'Content-Type': 'application/json'} if body else {})
        try:
            with urllib.request.urlopen(request, timeout=5) as answer:
                answer.read()
        except (urllib.error.URLError, OSError):
            pass  # load, not a measurement

    def query(self):
        server = self.urls.get(self.rng.choice(('prometheus', 'victoria')))
        if server:
            expression = urllib.parse.quote(self.rng.choice(EXPRESSIONS))
            self.post(f'{server}/api/v1/query?query={expression}')

    def alert(self):
        server = self.urls.get('alertmanager')
        if server:
            now = datetime.datetime.now(datetime.timezone.utc)
            alerts = [{'labels': {'alertname': self.rng.choice(('DiskFull', 'HighLatency', 'TargetDown')),
                                  'instance': f'host-{self.rng.randrange(20)}'},
                       'endsAt': (now + datetime.timedelta(seconds=self.rng.randrange(2, 60))).isoformat()}]
            self.post(server + '/api/v2/alerts', json.dumps(alerts).encode())


def capture(urls, load, options):
    for name, url in urls.items():
        wait_ready(url)
        os.makedirs(os.path.join(options.folder, name), exist_ok=True)
    begin = time.monotonic()
    for number in range(options.scrapes):
        while time.monotonic() < begin + number * options.interval:
            load.piece()
        for name, url in urls.items():
            with open(os.path.join(options.folder, name, f'{number:05}.txt'), 'wb') as file:
                file.write(scrape(url))


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument('folder')
    arguments.add_argument('--scrapes', type=int, default=120)
    arguments.add_argument('--interval', type=float, default=1.0)
    arguments.add_argument('--bin')
    arguments.add_argument('--seed', type=int, default=1)
    options = arguments.parse_args()
    with tempfile.TemporaryDirectory() as work:
        started = fleet.Fleet(work)
        try:
            urls = start_exporters(started, options.bin, work)
            capture(urls, Load(options.seed, work, urls), options)
        finally:
            started.stop()
    print(f'capture: {options.scrapes} scrapes each of {", ".join(urls)} in {options.folder}')


if __name__ == '__main__':
    main()

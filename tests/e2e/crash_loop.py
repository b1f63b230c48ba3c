#!/usr/bin/env python3
"""kill -9 of the collector, the agent or both, many times, and after each what a power cut would have taken from their files:
nothing acknowledged is lost, doubled or changed by a bit.

Every way in is under load: an agent that scrapes (every target counts its scrapes, so each sample is known), remote write 1.0
and 2.0, OTLP with gauges and with deltas (crash_writers.py). What the agent scraped is missing only when the agent itself was
killed within a second of it. Parts are sealed and merged meanwhile. At the end everything is read back, merged into one,
read back again, started anew and read back again.
usage: crash_loop.py BIN_DIR [KILLS] [SEED]
"""
import http.server
import json
import random
import sys
import threading
import time
import urllib.parse

import crash_writers
import processes
import remote_read  # crash_writers says where it is
from machine_faults import Machine

INTERVAL_S = 1
TARGETS = 20
SERIES = 20  # of each target, besides its counter
SYNC_DELAY_MS = {'collector': 4, 'agent': 500}  # the agent syncs once a second
COMPACTED = 0.15  # of the lives of the collector, at a random moment
UNSYNCED_S = 1.5  # the spool is synced once a second
CONFIG = '''node:
  interval: 1s
global:
  scrape_interval: 1s
  scrape_timeout: 1s
scrape_configs:
  - job_name: crash
    static_configs:
      - targets: [{targets}]
'''


def load(count, series):
    return (count * (series + 1)) % 997 / 8


class Exporter:
    """One HTTP server that stands for many targets (one a port); counts the scrapes of each."""

    def __init__(self):
        self.scrapes, self.lock, self.servers = {}, threading.Lock(), []
        for _ in range(TARGETS):
            self.add_target()

    def add_target(self):
        exporter = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = 'HTTP/1.1'

            def do_GET(self):  # noqa: N802, the base class names it
                body = exporter.exposition(self.server.server_port)
                self.send_response(200)
                self.send_header('Content-Type', 'text/plain; version=0.0.4')
                self.send_header('Content-Length', str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler)
        server.daemon_threads = True
        server.handle_error = lambda *_: None  # a killed agent resets its connections
        self.servers.append(server)
        self.scrapes[server.server_port] = 0
        threading.Thread(target=server.serve_forever, daemon=True).start()

    def exposition(self, port):
        with self.lock:
            self.scrapes[port] += 1
            count = self.scrapes[port]
        lines = ['# TYPE crash_scrapes_total counter', f'crash_scrapes_total {count}', '# TYPE crash_load gauge']
        lines += [f'crash_load{{series="{i}"}} {load(count, i)}' for i in range(SERIES)]
        return ('\n'.join(lines) + '\n').encode()

    def addresses(self):
        return [f'127.0.0.1:{server.server_port}' for server in self.servers]


def matrix(collector, expression):
    """Raw samples: {instance: [(time, value)]}."""
    status, text = processes.http(f'{collector.url}/api/v1/query?{urllib.parse.urlencode({"query": expression})}')
    assert status == 200, f'{expression}: {status} {text[:300]}'
    return {row['metric'].get('instance', ''): [(at, float(value)) for at, value in row['values']]
            for row in json.loads(text)['data']['result']}


def agents(collector):
    status, text = processes.http(collector.url + '/api/v1/baro/agents')
    return json.loads(text)['data']['agents'] if status == 200 else []


def stored_sequence(collector):
    """What has been acknowledged: an agent hears of what is stored, never of more."""
    return max((agent['storedSequence'] for agent in agents(collector)), default=0)


class CrashLoop:
    def __init__(self, stage, kills, seed):
        self.random, self.kills, self.exporter = random.Random(seed), kills, Exporter()
        self.collector = stage.collector()
        self.agent = stage.agent(self.collector.grpc, CONFIG.format(targets=', '.join(
            f"'{address}'" for address in self.exporter.addresses())))
        self.writers = crash_writers.Writers(self.collector, seed)
        self.machines = {program: Machine(program, stage.bin_dir, stage.path(program.name + '.machine'), stage.path(folder),
                                          self.random, SYNC_DELAY_MS[program.name])
                         for program, folder in ((self.collector, 'store'), (self.agent, 'spool'))}
        self.agent_down = []  # (killed, ready again)
        self.slowest = {'collector': 0.0, 'agent': 0.0}
        self.acknowledged_max = 0
        self.kills_of = {'collector': 0, 'agent': 0}

    def start(self):
        for program in (self.collector, self.agent):
            program.start()
            processes.wait_ready(program)
        processes.wait_for('the first samples', lambda: processes.query(self.collector.url, 'crash_scrapes_total'))
        self.writers.start()

    def restart(self, program, killed_at):
        program.start()
        processes.wait_ready(program)
        self.slowest[program.name] = max(self.slowest[program.name], time.time() - killed_at)

    def compact_meanwhile(self):
        """Seals and merges until the next kill, which may come in the middle of it."""
        if self.random.random() < COMPACTED:
            threading.Thread(target=processes.http, args=(self.collector.url + '/api/v1/baro/admin/compact', b''),
                             daemon=True).start()

    def run(self):
        for _ in range(self.kills):
            self.compact_meanwhile()
            time.sleep(self.random.uniform(0.1, 2.0))
            self.acknowledged_max = max(self.acknowledged_max, stored_sequence(self.collector))
            victims = self.random.choice([[self.collector], [self.collector], [self.agent], [self.collector, self.agent]])
            killed_at = time.time()
            for program in victims:
                program.kill()
                self.kills_of[program.name] += 1
                self.machines[program].tear()
            time.sleep(self.random.choice([0, 0, 0, 0.5, 2]))
            for program in victims:
                self.restart(program, killed_at)
            if self.agent in victims:
                self.agent_down.append((killed_at, time.time()))

    def settle(self):
        """Waits until what was scraped by now has arrived."""
        now = time.time()
        processes.wait_for('fresh samples after the last crash', lambda: all(
            samples and samples[-1][0] >= now for samples in matrix(self.collector, 'crash_scrapes_total[10s]').values()))
        # New rows come every second, so the last second's may always be under way.
        processes.wait_for('an empty backlog', lambda: processes.metric(
            self.agent.url, 'baro_agent_spool_unacknowledged_frames') <= 2 * (TARGETS + 2))

    def check(self, since):
        window = int(time.time() - since) + 10
        series = matrix(self.collector, f'crash_scrapes_total[{window}s]')
        assert len(series) == TARGETS, f'{len(series)} of {TARGETS} targets are there'
        total, lost, longest = 0, 0, 0.0
        for instance, samples in series.items():
            values = [value for _, value in samples]
            doubled = len(values) - len(set(values))
            assert doubled == 0, f'{instance}: {doubled} scrapes are stored twice'
            assert values == sorted(values), f'{instance}: values are out of order'
            total += len(values)
            for (before, low), (after, high) in zip(samples, samples[1:]):
                lost += high - low - 1
                longest = max(longest, after - before)
                assert self.excused(before, after), \
                    f'{instance}: no sample from {before} to {after} though the agent was up: {self.agent_down}'
        print(f'{total} scrapes of {TARGETS} targets stored once each, {lost:.0f} lost with the agent, '
              f'longest gap {longest:.2f} s')

    def excused(self, before, after):
        """One interval, give or take; or the time the agent was away, with what it had not synced."""
        slack = 1.6 * INTERVAL_S
        if after - before <= slack:
            return True
        inside = [(down, up) for down, up in self.agent_down if down < after and up > before]
        return bool(inside) and before >= inside[0][0] - UNSYNCED_S - slack and after <= inside[-1][1] + 2 * slack

    def check_everything(self, when):
        """To the bit, by remote read."""
        stored = remote_read.read_all(self.collector.url, 0, int(time.time() * 1000) + 86_400_000)
        print(f'{when}: {sum(map(len, stored.values()))} samples of {len(stored)} series', flush=True)
        self.writers.check(stored)
        self.check_loads(stored)

    def check_loads(self, stored):
        """The gauges of a scrape come and go with its counter, and follow from it."""
        scraped = {json.loads(labels)['instance']: samples for labels, samples in stored.items()
                   if json.loads(labels)['__name__'] == 'crash_scrapes_total'}
        checked = 0
        for labels, samples in stored.items():
            labels = json.loads(labels)
            if labels['__name__'] != 'crash_load':
                continue
            expected = [[at, repr(load(float(count), int(labels['series'])))] for at, count in scraped[labels['instance']]
                        if not count.startswith('nan')]
            got = [sample for sample in samples if not sample[1].startswith('nan')]
            assert got == expected, f'{labels}: {len(got)} samples, expected {len(expected)}'
            checked += len(got)
        assert checked > 0
        print(f'native frames: {checked} samples of {TARGETS * SERIES} gauges are what their scrapes counted', flush=True)

    def check_acknowledged(self):
        stored = stored_sequence(self.collector)
        assert stored >= self.acknowledged_max, f'{self.acknowledged_max} was acknowledged, {stored} is stored'
        print(f'acknowledged up to {self.acknowledged_max:.0f}, stored up to {stored}')


def check_all(loop, since):
    loop.settle()
    loop.writers.stop()
    loop.check(since)
    loop.check_acknowledged()
    loop.check_everything('after the kills')
    status, text = processes.http(loop.collector.url + '/api/v1/baro/admin/compact', b'', timeout=300)
    assert status == 200, f'compact: {status} {text}'
    loop.check_everything('merged')
    assert loop.agent.stop() == 0 and loop.collector.stop() == 0
    loop.collector.start()
    processes.wait_ready(loop.collector)
    loop.check_everything('started again')
    status, text = processes.http(loop.collector.url + '/api/v1/baro/admin/verify', b'', timeout=300)
    assert status == 200, f'verify: {status} {text}'
    print(f'verify: {text.strip()[:200]}')


def main():
    kills = int(sys.argv[2]) if len(sys.argv) > 2 else 50
    seed = int(sys.argv[3]) if len(sys.argv) > 3 else int(time.time())
    print(f'seed {seed}', flush=True)
    with processes.Stage(sys.argv[1]) as stage:
        loop = CrashLoop(stage, kills, seed)
        since = time.time()
        loop.start()
        loop.run()
        check_all(loop, since)
        for program, machine in loop.machines.items():
            print(f'{program.name}: {loop.kills_of[program.name]} kills, of which {machine.summary()}')
        print(f'{kills} rounds; ready again after at most {loop.slowest["collector"]:.2f} s (collector), '
              f'{loop.slowest["agent"]:.2f} s (agent), waiting times included')


if __name__ == '__main__':
    main()

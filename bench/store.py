#!/usr/bin/env python3
"""Remote write into the collector, VictoriaMetrics and Prometheus: the same bytes to each, one after the other, in one run.

Reported for each: server CPU per sample (from /proc), memory, bytes on disk per sample after everything was written out, time
from kill -9 to ready and to the last acknowledged sample answered.

usage: bench/store.py CAPTURE_FOLDER --bin-dir build/release/bin --peers FOLDER [--instances 40] [--rows 480]
Data repeats once ROWS exceeds the capture's scrapes, which flatters every compressor: keep it below for disk figures.
"""
import argparse
import json
import os
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'tests', 'e2e'))
import processes  # noqa: E402


def disk_bytes(folder):
    total = 0
    for root, _, files in os.walk(folder):
        total += sum(os.lstat(os.path.join(root, name)).st_blocks * 512 for name in files
                     if os.path.exists(os.path.join(root, name)))
    return total


def barograph(stage):
    server = stage.collector(storage=stage.path('data'), extra=['--storage.retention', '0']).start()
    server.flush = lambda: processes.http(server.url + '/api/v1/baro/admin/compact', b'', timeout=600)
    return server


def peer(stage, options, name, arguments, flush):
    port = processes.free_port()
    command = [os.path.join(options.peers, name)] + [text.format(port=port, data=stage.path('data')) for text in arguments]
    server = stage.add(name, command).start()
    server.url = f'http://127.0.0.1:{port}'
    server.flush = lambda: [processes.http(server.url + path, b'' if post else None, timeout=600) for post, path in flush]
    return server


def start(stage, options, name):
    if name == 'barograph':
        return barograph(stage)
    if name == 'victoria-metrics':
        return peer(stage, options, name, ['-storageDataPath={data}', '-httpListenAddr=127.0.0.1:{port}', '-retentionPeriod=100y'],
                    [(False, '/internal/force_flush'), (False, '/internal/force_merge')])
    config = stage.write('prometheus.yml', '')
    return peer(stage, options, name,
                [f'--config.file={config}', '--storage.tsdb.path={data}', '--web.enable-remote-write-receiver',
                 '--web.listen-address=127.0.0.1:{port}', '--storage.tsdb.retention.time=100y'], [])


def ready(server):
    path = '/-/ready' if server.name != 'victoria-metrics' else '/health'
    processes.wait_for(f'{server.name} to be ready', lambda: processes.http(server.url + path)[0] == 200, 600)


def replay(server, options, rows, start_ms):
    command = [os.path.join(options.bin_dir, '..', 'bench', 'remote_write_replay'), options.capture,
               server.url.removeprefix('http://'), '/api/v1/write', str(options.instances), str(rows), '15000', str(start_ms)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def measure(name, options, start_ms):
    with processes.Stage(options.bin_dir) as stage:
        server = start(stage, options, name)
        ready(server)
        first = replay(server, options, 1, start_ms)
        cpu = server.cpu_seconds()
        sent = replay(server, options, options.rows - 1, start_ms + 15000)
        cpu = server.cpu_seconds() - cpu
        result = {'name': name, 'sent': sent['samples'], 'series': sent['series'], 'cpu': cpu,
                  'rss': server.memory_bytes(), 'peak': server.memory_bytes('VmHWM')}
        server.flush()
        time.sleep(5)
        result['disk'] = disk_bytes(stage.path('data')) / (sent['samples'] + first['samples'])
        end_ms = start_ms + 15000 * options.rows
        newest = replay(server, options, 1, end_ms)['samples']
        server.kill()
        begin = time.monotonic()
        server.start()
        ready(server)
        result['ready'] = time.monotonic() - begin
        kept = processes.query(server.url, 'count(last_over_time({__name__!=""}[14s]))', at=end_ms / 1000)
        result['kept'] = (kept[0][1] if kept else 0) / newest
        return result


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument('capture')
    arguments.add_argument('--bin-dir', required=True)
    arguments.add_argument('--peers', required=True)
    arguments.add_argument('--instances', type=int, default=40)
    arguments.add_argument('--rows', type=int, default=480)
    arguments.add_argument('--systems', default='barograph,victoria-metrics,prometheus')
    options = arguments.parse_args()
    start_ms = (int(time.time()) - options.rows * 15 - 60) * 1000
    print("| system | series | samples | server CPU µs / sample | RSS MB | peak MB | disk B / sample |"
          " ready after kill -9, s | acknowledged row kept |")
    print('| --- | --- | --- | --- | --- | --- | --- | --- | --- |')
    for name in options.systems.split(','):
        row = measure(name, options, start_ms)
        print(f"| {row['name']} | {row['series']} | {row['sent']} | {row['cpu'] * 1e6 / row['sent']:.3f} | "
              f"{row['rss'] / 1e6:.0f} | {row['peak'] / 1e6:.0f} | {row['disk']:.2f} | {row['ready']:.2f} | "
              f"{row['kept']:.3f} |", flush=True)


if __name__ == '__main__':
    main()

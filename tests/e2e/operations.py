#!/usr/bin/env python3
"""What an operator does to a running collector, with the real programs: delete, snapshot, back up, verify, restore.

usage: operations.py BIN_DIR
"""
import json
import os
import subprocess
import sys
import time

import processes
from disk_full import write_request

ADMIN = '/api/v1/admin/tsdb/'
OWN = '/api/v1/baro/admin/'
ROWS = 40


def post(collector, path, form=''):
    return processes.http(collector.url + path, form.encode(), {'Content-Type': 'application/x-www-form-urlencoded'})


def send(collector, name, series, time_ms):
    status, text = processes.http(collector.url + '/api/v1/write', write_request(name, series, time_ms), {
        'Content-Type': 'application/x-protobuf', 'Content-Encoding': 'snappy', 'X-Prometheus-Remote-Write-Version': '0.1.0'})
    assert status in (200, 204), (status, text)


def samples(collector, name, end_ms):
    rows = processes.query(collector.url, f'sum(count_over_time({name}[1h]))', at=end_ms / 1000)
    return int(rows[0][1]) if rows else 0


def baro(stage, collector, *arguments):
    return subprocess.run([os.path.join(stage.bin_dir, 'baro'), '--server', collector.url, 'tsdb', *arguments],
                          capture_output=True, text=True, check=False, timeout=60)


def expect_disabled(stage):
    collector = stage.collector(storage=stage.path('closed')).start()
    processes.wait_ready(collector)
    for path in (ADMIN + 'delete_series?match[]=up', ADMIN + 'clean_tombstones', ADMIN + 'snapshot', OWN + 'backup'):
        status, text = post(collector, path)
        assert status == 500 and json.loads(text) == {
            'status': 'error', 'errorType': 'unavailable', 'error': 'admin APIs disabled'}, (path, status, text)
    shown = baro(stage, collector, 'clean')
    assert shown.returncode == 3 and '--web.enable-admin-api' in shown.stderr, shown
    collector.stop()


def expect_errors(collector):
    for path, place in ((ADMIN + 'delete_series', 'match[]'), (ADMIN + 'delete_series?match[]=up&start=x', '"start"'),
                        (ADMIN + 'delete_series?match[]=up{', '1:4'), (ADMIN + 'snapshot?skip_head=maybe', '"skip_head"')):
        status, text = post(collector, path)
        answer = json.loads(text)
        assert status == 400 and answer['errorType'] == 'bad_data' and place in answer['error'], (path, status, text)


def expect_delete(stage, collector, end_ms):
    dry = baro(stage, collector, 'delete', 'gone_total', '--dry-run', '-o', 'json')
    assert dry.returncode == 0 and f'"{50 * ROWS}"' in dry.stdout.replace(f':{50 * ROWS}', f':"{50 * ROWS}"'), dry
    careful = baro(stage, collector, 'delete', 'gone_total')
    assert careful.returncode == 2 and '--yes' in careful.stderr, careful
    assert samples(collector, 'gone_total', end_ms) == 50 * ROWS
    done = baro(stage, collector, 'delete', 'gone_total', '--yes')
    assert done.returncode == 0, done
    assert samples(collector, 'gone_total', end_ms) == 0 and samples(collector, 'stays_total', end_ms) == 50 * ROWS
    _, names = processes.http(collector.url + '/api/v1/label/__name__/values')
    assert json.loads(names)['data'] == ['stays_total'], names
    collector.kill()
    collector.start()
    processes.wait_ready(collector)
    assert samples(collector, 'gone_total', end_ms) == 0 and samples(collector, 'stays_total', end_ms) == 50 * ROWS
    began = time.monotonic()
    cleaned = baro(stage, collector, 'clean')
    assert cleaned.returncode == 0, cleaned
    assert processes.metric(collector.url, 'baro_store_tombstones') == 0
    print(f'deleted, and the space is back {time.monotonic() - began:.2f} s later')


def expect_copies(stage, collector, end_ms):
    status, text = post(collector, ADMIN + 'snapshot')
    assert status == 200, (status, text)
    snapshot = stage.path('store', 'snapshots', json.loads(text)['data']['name'])
    assert os.path.exists(os.path.join(snapshot, 'CURRENT')), snapshot
    first, second = baro(stage, collector, 'backup', '-o', 'json'), baro(stage, collector, 'backup', '-o', 'json')
    assert first.returncode == 0 and second.returncode == 0, (first, second)
    verified = baro(stage, collector, 'verify')
    assert verified.returncode == 0, verified
    program = os.path.join(stage.bin_dir, 'baro-collector')
    online = subprocess.run([program, '--storage.path', stage.path('store'), '--tsdb.verify'],
                            capture_output=True, text=True, check=False)
    assert online.returncode == 1 and 'another process' in online.stderr, online
    collector.stop()
    restored = stage.path('restored')
    for arguments in (['--storage.path', snapshot, '--tsdb.verify'], ['--storage.path', stage.path('store'), '--tsdb.verify'],
                      ['--storage.path', restored, '--tsdb.restore', stage.path('backups')]):
        shown = subprocess.run([program, *arguments], capture_output=True, text=True, check=False)
        assert shown.returncode == 0, shown
    again = subprocess.run([program, '--storage.path', restored, '--tsdb.restore', stage.path('backups')],
                           capture_output=True, text=True, check=False)
    assert again.returncode == 1 and 'not empty' in again.stderr, again
    for storage in (restored, snapshot):
        copy = stage.collector(storage=storage).start()
        processes.wait_ready(copy)
        assert samples(copy, 'stays_total', end_ms) == 50 * ROWS, storage
        copy.stop()
    print('snapshot and restored backup have every sample')


def main():
    with processes.Stage(sys.argv[1]) as stage:
        expect_disabled(stage)
        collector = stage.collector(extra=['--web.enable-admin-api', '--storage.backup-path', stage.path('backups')]).start()
        processes.wait_ready(collector)
        expect_errors(collector)
        end_ms = int(time.time() * 1000)
        for row in range(ROWS):
            for name in ('gone_total', 'stays_total'):
                send(collector, name, 50, end_ms - (ROWS - row) * 15_000)
            if row == ROWS // 2:
                assert post(collector, OWN + 'compact')[0] == 200
        expect_delete(stage, collector, end_ms)
        expect_copies(stage, collector, end_ms)


if __name__ == '__main__':
    main()

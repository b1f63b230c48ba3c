#!/usr/bin/env python3
"""What the disk and the clock may do to a running collector, and what it says then: docs/reliability.md, with the real program.

A disk whose syncs fail, a file system that has become read-only, a clock that jumps, samples from 1970 and from next week.
usage: faults.py BIN_DIR. The read-only file system is a tmpfs of this test's own (needs root; that part is left out elsewhere).
"""
import errno
import json
import os
import random
import subprocess
import sys
import time

import processes
from disk_full import write_request
from machine_faults import Machine

HEADERS = {'Content-Type': 'application/x-protobuf', 'Content-Encoding': 'snappy', 'X-Prometheus-Remote-Write-Version': '0.1.0'}
SERIES = 20
HOUR_S = 3_600
DAY_S = 86_400


class Sender:
    """Sends rows whose value is their time, and knows which were taken."""

    def __init__(self, collector):
        self.collector, self.taken = collector, []
        self.next_ms = int(time.time() * 1000) - 600_000

    def send(self, time_ms=None):
        self.next_ms += 100
        time_ms = self.next_ms if time_ms is None else time_ms
        status, text = processes.http(self.collector.url + '/api/v1/write', write_request('faults_total', SERIES, time_ms), HEADERS)
        if status == 204:
            self.taken.append(time_ms)
        return status, text

    def expect_all(self):
        """Everything taken is there once; nothing of what was refused has replaced it."""
        end_s = max(self.taken) / 1000
        window_s = int(end_s - min(self.taken) / 1000) + 2
        rows = processes.query(self.collector.url, f'count_over_time(faults_total[{window_s}s])', at=end_s)
        assert rows and len(rows) == SERIES, rows
        for labels, count in rows:
            assert count >= len(self.taken), f'{labels}: {count} of {len(self.taken)}'


def check_disk_error(collector, machine, sender, number):
    """503 while the disk fails; afterwards writes are taken again, without a restart."""
    machine.set(sync_errno=number)
    status, text = processes.wait_for('a write to be refused', lambda: next(
        (answer for answer in (sender.send() for _ in range(20)) if answer[0] != 204), None))
    name = errno.errorcode[number]
    assert status == 503 and os.strerror(number).lower() in text.lower(), f'{name}: {status} {text}'
    for _ in range(5):
        assert sender.send()[0] == 503, name
    sender.expect_all()  # reading goes on
    assert processes.http(collector.url + '/-/healthy')[0] == 200
    machine.set()
    processes.wait_for(f'writes after {name}', lambda: sender.send()[0] == 204)
    sender.expect_all()
    print(f'{name}: refused with 503, reads go on, taken again afterwards: {text.strip()[:160]}', flush=True)


def restart(collector, machine, kill):
    if kill:
        collector.kill()
        machine.tear()
    else:
        assert collector.stop() == 0
    collector.start()
    processes.wait_ready(collector)


def check_clock(collector, machine, sender):
    """Samples at the right time are taken whatever the collector's clock says, within a day ahead of it."""
    for hours in (3, -3, 20, -20, 0, 24 * 400):
        machine.set(clock_shift_s=hours * HOUR_S)
        for _ in range(10):
            assert sender.send(int(time.time() * 1000) + len(sender.taken))[0] == 204, f'{hours} h'
        assert processes.http(collector.url + '/api/v1/baro/admin/compact', b'', timeout=120)[0] == 200
        sender.expect_all()
    machine.set(clock_shift_s=-3 * DAY_S)
    status, text = sender.send(int(time.time() * 1000))
    assert status == 400 and 'too_new' in text, (status, text)
    machine.set()
    restart(collector, machine, kill=True)
    sender.expect_all()
    print('the clock jumped by hours, days and a year, forth and back: everything taken is there', flush=True)


def check_far_times(collector, sender):
    for what, time_ms, reason in (('1970', 1_000, 'too_old'), ('next week', int((time.time() + 7 * DAY_S) * 1000), 'too_new')):
        before = processes.metric(collector.url, 'baro_remote_write_refused_samples_total', f'reason="{reason}"')
        status, text = sender.send(time_ms)
        assert status == 400 and reason in text, (what, status, text)
        after = processes.metric(collector.url, 'baro_remote_write_refused_samples_total', f'reason="{reason}"')
        assert after - before == SERIES, (what, before, after)
    sender.expect_all()
    print('samples from 1970 and from next week are refused by name and counted', flush=True)


def check_read_only(stage):
    """A start on a read-only file system fails and says where; reading the store for damage works."""
    path = stage.path('disk')
    os.makedirs(path)
    if os.geteuid() != 0 or subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size=64m', 'baro-test', path],
                                           capture_output=True, check=False).returncode != 0:
        print('left out: a read-only file system (needs root)')
        return
    try:
        store = os.path.join(path, 'store')
        collector = stage.collector(storage=store).start()
        processes.wait_ready(collector)
        sender = Sender(collector)
        assert sender.send()[0] == 204
        assert collector.stop() == 0
        subprocess.run(['mount', '-o', 'remount,ro', path], check=True)
        shown = subprocess.run(collector.command, capture_output=True, text=True, check=False, timeout=60)
        assert shown.returncode == 1 and store in shown.stderr and 'read-only' in shown.stderr.lower(), shown
        verified = subprocess.run([collector.command[0], '--storage.path', store, '--tsdb.verify'],
                                  capture_output=True, text=True, check=False, timeout=60)
        assert verified.returncode == 0, verified
        subprocess.run(['mount', '-o', 'remount,rw', path], check=True)
        collector.start()
        processes.wait_ready(collector)
        sender.expect_all()
        assert collector.stop() == 0
        print(f'read-only file system: {shown.stderr.strip().splitlines()[-1][:200]}', flush=True)
    finally:
        subprocess.run(['umount', '-l', path], check=False)


def main():
    with processes.Stage(sys.argv[1]) as stage:
        collector = stage.collector()
        machine = Machine(collector, stage.bin_dir, stage.path('machine'), stage.path('store'), random.Random(1))
        collector.start()
        processes.wait_ready(collector)
        sender = Sender(collector)
        for _ in range(20):
            assert sender.send()[0] == 204
        for number in (errno.EIO, errno.ENOSPC, errno.EROFS):
            check_disk_error(collector, machine, sender, number)
            restart(collector, machine, kill=True)
            sender.expect_all()
        check_far_times(collector, sender)
        check_clock(collector, machine, sender)
        status, text = processes.http(collector.url + '/api/v1/baro/admin/verify', b'')
        assert status == 200 and json.loads(text)['data']['good'], text
        check_read_only(stage)
    print('OK')


if __name__ == '__main__':
    main()

#!/usr/bin/env python3
"""A full disk at the collector: writes stop with a clear error, reads go on, it recovers by itself, nothing acknowledged is lost.

The collector's folder is a small tmpfs of this test's own (needs root; skipped with its reason elsewhere).
usage: disk_full.py BIN_DIR
"""
import contextlib
import os
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'differential'))
import processes  # noqa: E402
import remote_write  # noqa: E402

DISK_MIB = 96
FILLER = 'filler'


@contextlib.contextmanager
def small_disk(path):
    os.makedirs(path)
    if os.geteuid() != 0 or subprocess.run(['mount', '-t', 'tmpfs', '-o', f'size={DISK_MIB}m', 'baro-test', path],
                                           capture_output=True, check=False).returncode != 0:
        processes.skip('cannot mount a tmpfs here (needs root)')
    try:
        yield path
    finally:
        subprocess.run(['umount', '-l', path], check=False)


def write_request(name, series, time_ms):
    """Remote write of `series` samples whose value is the time."""
    return remote_write.snappy(b''.join(
        remote_write.series({'__name__': name, 'instance': 'disk', 'job': 'disk', 'n': str(number)}, [(time_ms, time_ms)])
        for number in range(series)))


def push(collector, time_ms):
    status, text = processes.http(collector.url + '/api/v1/write', write_request('disk_full_total', 50, time_ms), {
        'Content-Type': 'application/x-protobuf', 'Content-Encoding': 'snappy', 'X-Prometheus-Remote-Write-Version': '0.1.0'})
    return status, text


def fill(path):
    """Leaves no free byte on the disk."""
    with contextlib.suppress(OSError), open(os.path.join(path, FILLER), 'wb', buffering=0) as file:
        while True:
            file.write(b'\0' * 4096)


def run(stage, disk):
    collector = stage.collector(storage=os.path.join(disk, 'store')).start()
    processes.wait_ready(collector)
    start_ms = int(time.time() * 1000) - 600_000
    acknowledged, clock = [], start_ms

    def send():
        nonlocal clock
        clock += 100
        status, text = push(collector, clock)
        if status in (200, 204):
            acknowledged.append(clock)
        return status, text

    for _ in range(100):
        assert send()[0] in (200, 204)
    fill(disk)
    status, text = processes.wait_for('a write to be refused', lambda: next(
        (answer for answer in (send() for _ in range(200)) if answer[0] not in (200, 204)), None))
    print(f'disk full: HTTP {status} {text.strip()[:160]}')
    assert status == 503, f'expected a retryable 503, got {status} {text}'
    assert processes.query(collector.url, 'count(disk_full_total)', at=acknowledged[-1] / 1000)[0][1] == 50
    assert processes.http(collector.url + '/-/healthy')[0] == 200
    print('queries go on while the disk is full')

    os.remove(os.path.join(disk, FILLER))
    processes.wait_for('writes to be taken again', lambda: send()[0] in (200, 204))
    print('writes are taken again without a restart')
    check_all(collector, acknowledged, start_ms)
    collector.kill()
    collector.start()
    processes.wait_ready(collector)
    check_all(collector, acknowledged, start_ms)
    print(f'{len(acknowledged)} acknowledged rows of 50 series are all there, after kill -9 too')


def check_all(collector, acknowledged, start_ms):
    span = (acknowledged[-1] - start_ms) // 1000 + 60
    rows = processes.query(collector.url, f'count_over_time(disk_full_total[{span}s])', at=acknowledged[-1] / 1000)
    assert rows and len(rows) == 50, f'{len(rows or [])} series'
    for labels, count in rows:
        assert count >= len(acknowledged), f'{labels}: {count} of {len(acknowledged)} acknowledged samples'


def main():
    with processes.Stage(sys.argv[1]) as stage, small_disk(stage.path('disk')) as disk:
        run(stage, disk)
        for program in stage.programs:
            program.stop()


if __name__ == '__main__':
    main()

#!/usr/bin/env python3
"""A full disk at the collector: writes stop with a clear error, reads go on, it recovers by itself, nothing acknowledged is lost.

The collector's folder is a small tmpfs of this test's own (needs root; skipped with its reason elsewhere).
usage: disk_full.py BIN_DIR
"""
import contextlib
import os
import struct
import subprocess
import sys
import time

import processes

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


def varint(value):
    out = bytearray()
    while value >= 0x80:
        out.append(value & 0x7f | 0x80)
        value >>= 7
    return bytes(out + bytes([value]))


def field(number, payload):
    return varint(number << 3 | 2) + varint(len(payload)) + payload


def write_request(name, series, time_ms):
    """Snappy-framed remote write of `series` samples whose value is the time."""
    body = b''
    for number in range(series):
        labels = b''.join(field(1, field(1, key.encode()) + field(2, value.encode())) for key, value in
                          (('__name__', name), ('instance', 'disk'), ('job', 'disk'), ('n', str(number))))
        sample = b'\x09' + struct.pack('<d', time_ms) + b'\x10' + varint(time_ms)
        body += field(1, labels + field(2, sample))
    literal = b''
    for start in range(0, len(body), 65536):
        piece = body[start:start + 65536]
        literal += bytes([61 << 2]) + struct.pack('<H', len(piece) - 1) + piece
    return varint(len(body)) + literal


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

#!/usr/bin/env python3
"""A collector under a hard memory limit: it seals early, then refuses new series by name, and is never killed.

The hard limit is a cgroup of this test's own (needs root and a writable hierarchy; skipped with its reason elsewhere). The
collector finds it by itself: --memory.limit stays at its default.
usage: memory_limit.py BIN_DIR
"""
import contextlib
import os
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'differential'))
import processes  # noqa: E402
import remote_write  # noqa: E402

LIMIT_MIB = 192
SERIES = 200  # new ones a request
PAD = 'x' * 4000
HEADERS = {'Content-Type': 'application/x-protobuf', 'Content-Encoding': 'snappy', 'X-Prometheus-Remote-Write-Version': '0.1.0'}


def write(path, text):
    with open(path, 'w', encoding='ascii') as file:
        file.write(text)


def read(path):
    with open(path, encoding='ascii') as file:
        return file.read()


@contextlib.contextmanager
def small_cgroup():
    """Its folder; a process joins by writing to cgroup.procs."""
    bytes_max = str(LIMIT_MIB << 20)
    for root, name in (('/sys/fs/cgroup', 'memory.max'), ('/sys/fs/cgroup/memory', 'memory.limit_in_bytes')):
        folder = os.path.join(root, f'baro-test-{os.getpid()}')
        try:
            os.mkdir(folder)
        except OSError:
            continue
        if not os.path.exists(os.path.join(folder, name)):
            os.rmdir(folder)
            continue
        try:
            write(os.path.join(folder, name), bytes_max)
            yield folder
        finally:
            processes.wait_for('the cgroup to be empty', lambda: not read(os.path.join(folder, 'cgroup.procs')))
            os.rmdir(folder)
        return
    processes.skip('no cgroup hierarchy with a memory controller can be written here (needs root)')


def new_series(first, time_ms):
    same = {'__name__': 'grows', 'job': 'memory', 'instance': 'a'}
    return b''.join(remote_write.series({**same, 'n': str(number), 'pad': PAD + str(number)}, [(time_ms, number)])
                    for number in range(first, first + SERIES))


def push(collector, body):
    return processes.http(collector.url + '/api/v1/write', remote_write.snappy(body), HEADERS)


def steady(collector, time_ms):
    return push(collector, remote_write.series({'__name__': 'steady', 'job': 'memory'}, [(time_ms, 1)]))[0]


def fill(collector, now_ms):
    """Sends new series until some are refused; returns how many requests that took and what was said."""
    for request in range(2000):
        status, text = push(collector, new_series(request * SERIES, now_ms))
        assert collector.running(), 'the collector was killed'
        if status != 204:
            return request, status, text
        assert steady(collector, now_ms + request) == 204
    raise AssertionError('2,000 requests of new series, and none was refused')


def run(stage, cgroup):
    collector = stage.collector()
    join = f'echo $$ > {cgroup}/cgroup.procs && exec "$@"'
    collector.command = ['sh', '-c', join, 'sh', *collector.command]
    collector.start()
    processes.wait_ready(collector)
    limit = processes.metric(collector.url, 'baro_memory_limit_bytes')
    assert abs(limit / (LIMIT_MIB << 20) - 0.8) < 0.01, f'{limit} of {LIMIT_MIB} MiB'
    now_ms = int(time.time() * 1000)
    request, status, text = fill(collector, now_ms)
    print(f'new series are refused after {request * SERIES}: HTTP {status} {text.strip()[-200:]}')
    assert 'memory_limit' in text or '--memory.limit' in text, text
    processes.wait_for('known series to be taken', lambda: steady(collector, now_ms + 5000) == 204)
    status, text = processes.http(collector.url + '/api/v1/query?query=count(grows)')
    assert status == 422 and '--memory.limit' in text or status == 200, f'{status} {text}'
    rows = processes.query(collector.url, 'count({n=~"10."})', at=now_ms / 1000 + 1)
    assert rows and rows[0][1] == 10, rows
    print(f'known series go on, a query for all is answered {status}, for some {int(rows[0][1])}')
    print(f'resident {collector.memory_bytes() >> 20} MiB, peak {collector.memory_bytes("VmHWM") >> 20} MiB of {LIMIT_MIB}')
    assert collector.running() and processes.metric(collector.url, 'baro_store_seals_for_memory_total') is not None


def main():
    with small_cgroup() as cgroup, processes.Stage(sys.argv[1]) as stage:
        run(stage, cgroup)


if __name__ == '__main__':
    main()

#!/usr/bin/env python3
"""Out of a collector and into another: blocks that promtool and a real Prometheus take for their own, and OpenMetrics text.

usage: prometheus_blocks.py BIN_DIR   ($BARO_PROMETHEUS: the Prometheus to start, else the one in PATH)
"""
import math
import os
import shutil
import struct
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'differential'))
import processes  # noqa: E402
import remote_write  # noqa: E402

WINDOW_MS = 2 * 3600 * 1000
ROWS, STEP_MS = 300, 30_000
METRICS, INSTANCES = 20, 5
HEADERS = {'Content-Type': 'application/x-protobuf', 'Content-Encoding': 'snappy', 'X-Prometheus-Remote-Write-Version': '0.1.0'}
# Values that a text or a lossy codec would bend.
ODD = [0.1 + 0.2, -0.0, 5e-324, 1.7976931348623157e308, float('inf'), float('-inf'), 2.0 ** 53 + 2, 1 / 3]
EXPRESSIONS = ['count({job="blocks"})', 'sum by (__name__) ({job="blocks"})', 'sum by (instance) (count_over_time(m_3[10h]))',
               'max by (instance) (max_over_time(m_7[3h]))', 'min_over_time(m_odd[5h])', 'last_over_time(m_odd[10h])',
               'sum(m_5 offset 1h)']


def value(metric, instance, row):
    return struct.unpack('<d', struct.pack('<d', (metric * 7919 + row * row) / 3 + instance * 1e6))[0]


def rows(first_ms):
    for row in range(ROWS):
        time_ms = first_ms + row * STEP_MS
        body = b''.join(remote_write.series({'__name__': f'm_{metric}', 'job': 'blocks', 'instance': f'i{instance}', 'p': 'ä"\\\n'},
                                            [(time_ms, value(metric, instance, row))])
                        for metric in range(METRICS) for instance in range(INSTANCES))
        body += remote_write.series({'__name__': 'm_odd', 'job': 'blocks'}, [(time_ms, ODD[row % len(ODD)])])
        yield body


def collector(stage, name):
    server = stage.collector(storage=stage.path(name), extra=['--storage.retention', '0']).start()
    processes.wait_ready(server)
    return server


def baro(server, *arguments, code=0):
    done = subprocess.run([os.path.join(sys.argv[1], 'baro'), '--server', server.url, '--output', 'csv', 'tsdb', *arguments],
                          capture_output=True, text=True, check=False)
    assert done.returncode == code, f'{arguments}: {done.returncode} {done.stdout} {done.stderr}'
    return done.stdout + done.stderr


def answers(server, at):
    return [sorted((sorted(labels.items()), number) for labels, number in processes.query(server.url, expression, at=at) or [])
            for expression in EXPRESSIONS]


def same(a, b):
    """Samples are the same to the bit; versions of Prometheus differ in the order in which they add them up."""
    return all(len(x) == len(y) and all(p[0] == q[0] and (p[1] == q[1] or math.isclose(p[1], q[1], rel_tol=1e-12))
                                        for p, q in zip(x, y)) for x, y in zip(a, b))


def prometheus(stage, blocks):
    program = os.environ.get('BARO_PROMETHEUS') or shutil.which('prometheus')
    if not program:
        processes.skip('no Prometheus is installed')
    data = stage.path('prometheus-data')
    shutil.copytree(blocks, data)
    port = processes.free_port()
    server = stage.add('prometheus', [program, f'--config.file={stage.write("prometheus.yml", "")}', f'--storage.tsdb.path={data}',
                                      f'--web.listen-address=127.0.0.1:{port}', '--storage.tsdb.retention.time=100y']).start()
    server.url = f'http://127.0.0.1:{port}'
    processes.wait_for('Prometheus to be ready', lambda: processes.http(server.url + '/-/ready')[0] == 200)
    return server


def run(stage):
    source = collector(stage, 'source')
    window_ms = int(time.time() * 1000) // WINDOW_MS * WINDOW_MS - WINDOW_MS
    first_ms = window_ms - ROWS * STEP_MS // 2
    for body in rows(first_ms):
        status, text = processes.http(source.url + '/api/v1/write', remote_write.snappy(body), HEADERS)
        assert status == 204, (status, text)
    at = (first_ms + (ROWS - 1) * STEP_MS) / 1000
    expected = answers(source, at)
    assert all(expected), expected
    samples = ROWS * (METRICS * INSTANCES + 1)

    blocks = stage.path('blocks')
    told = baro(source, 'export-blocks', blocks)
    assert f',{samples}' in told and len(os.listdir(blocks)) == 2, told
    for block in os.listdir(blocks):
        analysis = subprocess.run(['promtool', 'tsdb', 'analyze', blocks, block], capture_output=True, text=True, check=True).stdout
        assert f'Series: {METRICS * INSTANCES + 1}' in analysis, analysis
    print(f'promtool reads both blocks: {samples} samples')
    told = answers(prometheus(stage, blocks), at)
    assert same(told, expected), [pair for pair in zip(EXPRESSIONS, told, expected) if not same([pair[1]], [pair[2]])]
    print('Prometheus, started on the blocks, answers as the collector they came from')

    back = collector(stage, 'back')
    baro(back, 'import-blocks', blocks)
    assert answers(back, at) == expected

    text = stage.path('samples.om')
    baro(source, 'export-openmetrics', text)
    subprocess.run(['promtool', 'tsdb', 'create-blocks-from', 'openmetrics', text, stage.path('made')], capture_output=True,
                   check=True)
    baro(back, 'import-blocks', stage.path('made'))
    assert answers(back, at) == expected, 'the same samples a second time change nothing'
    other = collector(stage, 'other')
    baro(other, 'import-openmetrics', text)
    assert answers(other, at) == expected
    print('blocks, and OpenMetrics text through promtool and by ourselves, bring every sample into another collector')

    assert 'No such file' in baro(back, 'import-blocks', stage.path('nothing'), code=2)
    with open(text, 'a', encoding='utf-8') as file:
        file.write('more 1 2\n')
    assert 'EOF' in baro(back, 'import-openmetrics', text, code=2)


def main():
    if not shutil.which('promtool'):
        processes.skip('promtool is not installed')
    with processes.Stage(sys.argv[1]) as stage:
        run(stage)


if __name__ == '__main__':
    main()

#!/usr/bin/env python3
"""A real Prometheus scrapes and sends by remote write 1.0 and 2.0; what the collector has is what Prometheus has. A second
Prometheus reads it back through remote read.

usage: remote_write.py BIN_DIR. The peer is $BARO_PROMETHEUS, version 3 or newer; without one the test is skipped (exit 77).
"""
import json
import os
import re
import subprocess
import sys
import time
import urllib.parse

import processes
from metrics_target import Target

PROTOCOLS = {'one': 'prometheus.WriteRequest', 'two': 'io.prometheus.write.v2.Request'}
SCRAPES = 8
HISTOGRAM_SERIES = 3  # of the target


def prometheus_binary():
    binary = os.environ.get('BARO_PROMETHEUS', '/usr/bin/prometheus')
    if not os.access(binary, os.X_OK):
        processes.skip(f'no Prometheus at {binary} (BARO_PROMETHEUS)')
    if version_of(binary) < (3, 0):
        processes.skip(f'{binary} is version {version_of(binary)}; remote write 2.0 needs 3')
    return binary


def version_of(binary):
    """(major, minor); one built from its source tells none and counts as new."""
    shown = subprocess.run([binary, '--version'], capture_output=True, text=True, check=True)
    version = re.search(r'version (\d+)\.(\d+)', shown.stdout + shown.stderr)
    return (int(version[1]), int(version[2])) if version else (99, 0)


def prometheus(stage, name, binary, config, *flags):
    port = processes.free_port()
    program = stage.add(name, [
        binary, '--config.file', stage.write(name + '.yml', config), '--storage.tsdb.path', stage.path(name),
        '--web.listen-address', f'127.0.0.1:{port}', *flags])
    program.url = f'http://127.0.0.1:{port}'
    return program


def sender_config(binary, target, collector_url):
    """One remote_write for each protocol; a label says which way a series has come."""
    native = ', scrape_native_histograms: true' if version_of(binary) >= (3, 8) else ''  # before: a feature flag
    writes = ''.join(f'''
  - url: {collector_url}/api/v1/write
    name: {name}
    protobuf_message: {message}
    send_exemplars: true
    send_native_histograms: true
    queue_config: {{batch_send_deadline: 100ms, min_shards: 2}}
    metadata_config: {{send_interval: 1s}}
    write_relabel_configs: [{{target_label: protocol, replacement: {name}}}]''' for name, message in PROTOCOLS.items())
    return f'''
global: {{scrape_interval: 1s, scrape_timeout: 1s{native}}}
scrape_configs:
  - job_name: target
    static_configs: [{{targets: ['{target}']}}]
remote_write:{writes}
'''


def api(url, path, **parameters):
    status, text = processes.http(f'{url}/api/v1/{path}?{urllib.parse.urlencode(parameters)}')
    assert status == 200, f'{url}/api/v1/{path} {parameters}: {status} {text}'
    answer = json.loads(text)
    assert answer['status'] == 'success', answer
    return answer['data']


def samples(url, selector, at, remove=()):
    """{labels: row} of a range selector, without the labels `remove`."""
    rows = api(url, 'query', query=f'{selector}[1h]', time=at)['result']
    out = {}
    for row in rows:
        metric = tuple(sorted((k, v) for k, v in row['metric'].items() if k not in remove))
        out[metric] = {kind: row[kind] for kind in ('values', 'histograms') if kind in row}
        # Prometheus' senders leave zeros out of the message, and with them the sign of a negative one.
        for sample in out[metric].get('values', ()):
            sample[1] = '0' if sample[1] == '-0' else sample[1]
    return out


def compare(what, expected, actual):
    assert expected, f'{what}: the peer has nothing'
    missing = sorted(set(expected) ^ set(actual))
    assert not missing, f'{what}: not in both: {missing[:5]}'
    for metric, row in expected.items():
        for kind in ('values', 'histograms'):
            assert row.get(kind) == actual[metric].get(kind), (
                f'{what}: {metric} {kind}\n  expected {row.get(kind)}\n  actual   {actual[metric].get(kind)}')
    print(f'{what}: {len(expected)} series are equal', flush=True)


def newest(url, selector):
    rows = processes.query(url, f'max(timestamp({selector}))')
    return rows[0][1] if rows else 0


def check_written(peer, collector, at):
    """Floats and native histograms, through our own PromQL."""
    rows = samples(peer.url, '{job="target"}', at)
    assert sum('histograms' in row for row in rows.values()) == HISTOGRAM_SERIES, 'the peer has no native histograms'

    def count_of(read):
        return sum(len(row.get(kind, ())) for row in read.values() for kind in ('values', 'histograms'))
    count = count_of(rows)
    for protocol in PROTOCOLS:
        def read(protocol=protocol):
            return samples(collector.url, f'{{job="target",protocol="{protocol}"}}', at, ['protocol'])
        # Each shard of the sender comes in its own time.
        processes.wait_for(f'{count} samples by protocol {protocol}',
                           lambda: count_of(read()) >= count)
        compare(f'remote write {protocol}', rows, read())


def check_staleness(peer, collector, at):
    """The series that ended is gone from the same second on."""
    for protocol in PROTOCOLS:
        ours = f'target_ends{{protocol="{protocol}"}}'
        rows = [api(url, 'query_range', query=f'count({selector})', start=at - 30, end=at, step=0.25)['result']
                for url, selector in ((peer.url, 'target_ends'), (collector.url, ours))]
        assert rows[0] and rows[0][0]['values'] == rows[1][0]['values'], (protocol, rows)
        assert rows[0][0]['values'][-1][0] < at - 1, 'the series did not end'


def check_exemplars(peer, collector, at):
    expected = api(peer.url, 'query_exemplars', query='target_requests_total', start=at - 60, end=at)
    assert expected and expected[0]['exemplars'], 'the peer has no exemplars'
    for protocol in PROTOCOLS:
        selector = f'target_requests_total{{protocol="{protocol}"}}'
        actual = api(collector.url, 'query_exemplars', query=selector, start=at - 60, end=at)
        for series in actual:
            assert series['seriesLabels'].pop('protocol') == protocol
        assert actual == expected, (protocol, expected, actual)
    print(f'exemplars: {len(expected[0]["exemplars"])} are equal', flush=True)


def check_metadata(peer, collector):
    expected = api(peer.url, 'metadata')
    actual = api(collector.url, 'metadata')
    for family in ('target_requests_total', 'target_gauge', 'target_latency_seconds'):
        assert actual.get(family) == expected[family], (family, expected[family], actual.get(family))


def check_nothing_refused(peer, collector):
    for name in ('refused_samples_total', 'refused_exemplars_total', 'requests_broken_total',
                 'requests_unsupported_total', 'requests_failed_total'):
        assert processes.metric(collector.url, f'baro_remote_write_{name}') == 0, name
    for version in ('1.0', '2.0'):
        assert processes.metric(collector.url, 'baro_remote_write_requests_total', f'version="{version}"') > 0, version
    for kind in ('samples', 'histograms', 'exemplars'):
        assert processes.metric(peer.url, f'prometheus_remote_storage_{kind}_failed_total') in (0, None), kind


def check_read_back(stage, binary, peer, collector, at):
    """Prometheus as a client, which prefers streamed chunks."""
    reader = prometheus(stage, 'reader', binary, f'''
remote_read:
  - url: {collector.url}/api/v1/read
    read_recent: true
''')
    reader.start()
    processes.wait_ready(reader)
    expected = samples(peer.url, '{job="target"}', at)
    for protocol in PROTOCOLS:
        selector = f'{{job="target",protocol="{protocol}"}}'
        compare(f'remote read {protocol}', expected, samples(reader.url, selector, at, ['protocol']))
        for query in ('sum by (code) (rate(target_requests_total{%s}[5s]))', 'target_gauge{kind=~"z.*|third",%s}',
                      'target_ends{%s}',
                      'histogram_quantile(0.9, sum by (path) (rate(target_latency_seconds{%s}[5s])))'):
            ours, theirs = (api(url, 'query_range', query=query % matcher, start=at - 5, end=at, step=1)['result']
                            for url, matcher in ((reader.url, f'protocol="{protocol}"'), (peer.url, '')))
            for row in ours:
                row['metric'].pop('protocol', None)
            key = lambda row: sorted(row['metric'].items())  # noqa: E731
            assert sorted(ours, key=key) == sorted(theirs, key=key), (query, ours, theirs)
    assert processes.metric(collector.url, 'baro_remote_read_requests_total', 'form="streamed_xor_chunks"') > 0
    assert processes.metric(collector.url, 'baro_remote_read_requests_failed_total') == 0
    reader.stop()


def main(bin_dir):
    binary = prometheus_binary()
    target = Target(time.time)
    try:
        with processes.Stage(bin_dir) as stage:
            collector = stage.collector().start()
            processes.wait_ready(collector)
            peer = prometheus(stage, 'sender', binary, sender_config(binary, target.address, collector.url),
                              '--enable-feature=native-histograms,exemplar-storage,metadata-wal-records').start()
            processes.wait_ready(peer)
            processes.wait_for(f'{SCRAPES} scrapes', lambda: target.scrapes >= SCRAPES)
            at = processes.wait_for('a first sample', lambda: newest(peer.url, 'target_gauge'))
            check_written(peer, collector, at)
            check_staleness(peer, collector, at)
            check_nothing_refused(peer, collector)
            check_exemplars(peer, collector, at)
            check_metadata(peer, collector)
            check_read_back(stage, binary, peer, collector, at)
    finally:
        target.close()
    print('OK')


if __name__ == '__main__':
    main(sys.argv[1])

#!/usr/bin/env python3
"""A real vmagent sends the same scrapes to the collector and to VictoriaMetrics: both have the same samples. Once by
VictoriaMetrics' own packing (zstd), once by Prometheus' (snappy).

usage: vmagent.py BIN_DIR. The peers are $BARO_VMAGENT and $BARO_VICTORIA_METRICS, else vmagent and victoria-metrics beside
$BARO_PROMETHEUS; without them the test is skipped (exit 77).
"""
import json
import math
import os
import sys
import time
import urllib.parse

import processes
from metrics_target import Target

SCRAPES = 6
PACKINGS = {'zstd': [], 'snappy': ['-remoteWrite.forcePromProto=true']}


def peer_binary(variable, name):
    beside = os.path.join(os.path.dirname(os.environ.get('BARO_PROMETHEUS', '/usr/bin/prometheus')), name)
    binary = os.environ.get(variable, beside)
    if not os.access(binary, os.X_OK):
        processes.skip(f'no {name} at {binary} ({variable})')
    return binary


def victoria(stage, binary):
    port = processes.free_port()
    program = stage.add('victoria-metrics', [
        binary, f'-storageDataPath={stage.path("vm")}', f'-httpListenAddr=127.0.0.1:{port}', '-retentionPeriod=100y',
        '-search.latencyOffset=0s', '-inmemoryDataFlushInterval=1s'])
    program.url = f'http://127.0.0.1:{port}'
    return program


def vmagent(stage, binary, packing, flags, config, urls):
    port = processes.free_port()
    return stage.add(f'vmagent-{packing}', [
        binary, f'-promscrape.config={config}', f'-httpListenAddr=127.0.0.1:{port}', f'-remoteWrite.label=packing={packing}',
        f'-remoteWrite.tmpDataPath={stage.path("queue-" + packing)}', '-remoteWrite.flushInterval=200ms',
        *(f'-remoteWrite.url={url}/api/v1/write' for url in urls), *flags])


def raw_samples(url, selector, at):
    """{labels: [(time, value)]}; NaNs, which are no one's equal, as text."""
    parameters = urllib.parse.urlencode({'query': f'{selector}[10m]', 'time': at})
    status, text = processes.http(f'{url}/api/v1/query?{parameters}')
    assert status == 200, f'{url}: {status} {text}'
    return {tuple(sorted(row['metric'].items())):
            [(time_s, value if math.isnan(float(value)) else float(value)) for time_s, value in row['values']]
            for row in json.loads(text)['data']['result']}


def rounded(value):
    """VictoriaMetrics keeps some 12 digits of a value; we keep all."""
    return float(f'{value:.11g}') if isinstance(value, float) and math.isfinite(value) else value


def check(collector, peer, packing, at):
    # VictoriaMetrics has no NaN but the stale marker, which it shows; no difference of zeros, and
    # no subnormal numbers.
    selector = f'{{job="target",packing="{packing}",kind!~"nan|tiny"}}'
    ours, theirs = (raw_samples(url, selector, at) for url in (collector.url, peer.url))
    assert theirs, f'{packing}: VictoriaMetrics has nothing'
    assert sorted(ours) == sorted(theirs), (packing, sorted(set(ours) ^ set(theirs)))
    for labels, samples in theirs.items():
        got = [(time_s, rounded(value)) for time_s, value in ours[labels]]
        expected = [(time_s, rounded(value)) for time_s, value in samples if value != 'NaN']
        assert got == expected, f'{packing}: {labels}\n  VictoriaMetrics {expected}\n  collector       {got}'
    nans = raw_samples(collector.url, f'{{kind="nan",packing="{packing}"}}', at)
    assert nans and all(value == 'NaN' for row in nans.values() for _, value in row), nans
    print(f'{packing}: {len(theirs)} series of {sum(map(len, theirs.values()))} samples are equal', flush=True)


def main(bin_dir):
    agent_binary = peer_binary('BARO_VMAGENT', 'vmagent')
    store_binary = peer_binary('BARO_VICTORIA_METRICS', 'victoria-metrics')
    target = Target(time.time)
    try:
        with processes.Stage(bin_dir) as stage:
            collector, peer = stage.collector().start(), victoria(stage, store_binary).start()
            processes.wait_ready(collector)
            processes.wait_for('victoria-metrics', lambda: processes.http(peer.url + '/health')[0] == 200)
            config = stage.write('scrape.yml', f'''
global: {{scrape_interval: 1s, scrape_timeout: 1s}}
scrape_configs:
  - job_name: target
    static_configs: [{{targets: ['{target.address}']}}]
''')
            agents = [vmagent(stage, agent_binary, packing, flags, config, (collector.url, peer.url)).start()
                      for packing, flags in PACKINGS.items()]
            processes.wait_for(f'{SCRAPES} scrapes of each', lambda: target.scrapes >= SCRAPES * len(agents))
            for agent in agents:
                agent.stop()  # sends what it has
            at = math.ceil(time.time())
            processes.wait_for('the clock to pass the last sample', lambda: time.time() > at)
            assert processes.http(peer.url + '/internal/force_flush')[0] == 200  # it shows samples with a delay
            for packing in PACKINGS:
                check(collector, peer, packing, at)
            for name in ('refused_samples_total', 'requests_broken_total', 'requests_failed_total'):
                assert processes.metric(collector.url, f'baro_remote_write_{name}') == 0, name
    finally:
        target.close()
    print('OK')


if __name__ == '__main__':
    main(sys.argv[1])

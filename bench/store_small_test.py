#!/usr/bin/env python3
"""The store's bench in its smallest size, as a test: it runs to its end, every value sent to Barograph comes back with the same
bits after kill -9, and its answers are Prometheus' where Prometheus is at hand. Times are not judged.

usage: bench/store_small_test.py BIN_DIR PEERS_DIR
"""
import json
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))


def judge(results):
    """Sentences about what is wrong."""
    found = results['ingest']['barograph']
    values, lost = found['values'], found['restart']['samples_lost']
    if values['sent'] == 0 or values['equal'] != values['sent'] or values['unexpected']:
        yield f'values read back are not those sent: {values}'
    if values['checksum_sent'] != values['checksum_read']:
        yield f'the checksum over all values differs: {values}'
    if lost:
        yield f'{lost} acknowledged samples lost by kill -9'
    for query, figures in results['query2h']['barograph']['queries'].items():
        if 'error' in figures:
            yield f'{query}: {figures["error"]}'
    for query, compared in results['query2h'].get('prometheus', {}).get('compared', {}).items():
        if not compared['same']:
            yield f'{query}: Prometheus answers otherwise: {compared}'


def main():
    bin_dir, peers = sys.argv[1:3]
    peers = os.path.dirname(os.environ.get('BARO_PROMETHEUS', '')) or peers
    with tempfile.TemporaryDirectory() as out:
        command = [sys.executable, os.path.join(HERE, 'store.py'), '--bin-dir', bin_dir, '--peers', peers, '--quick', '--out', out,
                   '--systems', 'barograph,prometheus', '--only', 'ingest,restart,disk,values,query2h,newseries']
        status = subprocess.run(command, check=False).returncode
        with open(os.path.join(out, 'store.json'), encoding='utf-8') as file:
            wrong = list(judge(json.load(file)['results']))
        for name in ('store.md', 'disk.svg', 'query2h.svg'):
            if not os.path.getsize(os.path.join(out, name)):
                wrong.append(f'{name} is empty')
    for sentence in wrong:
        print('FAILED:', sentence)
    sys.exit(1 if status or wrong else 0)


if __name__ == '__main__':
    main()

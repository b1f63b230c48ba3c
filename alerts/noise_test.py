#!/usr/bin/env python3
"""The alerts that ship page nobody on data of machines that are well.

usage: noise_test.py BARO BARO_COLLECTOR

Replays the scrapes of bench/data (a node and a PostgreSQL under load, bench/data/README.md) for six hours at their own speed:
one in fifteen of the captured seconds, the capture again and again, counters going on. Then backtests every file of alerts/.
A ticket may be right, and is only printed: the machine of the capture was as busy as a benchmark makes it.
"""
import json
import pathlib
import re
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / 'bench'))
import corpus  # noqa: E402  (bench/ is no package)

STEP_S = 15
HOURS = 6.2
JOBS = {'node': ('node', 'n1'), 'postgres': ('postgres', 'db1')}


def wanted_names(files):
    """Names that the rules' expressions may mean: every word of them."""
    words = set()
    for path in files:
        words |= set(re.findall(r'[a-z_]+_[a-z_]+', path.read_text()))
    return words


def columns(folder, exporter, names):
    """[(series, is counter, [value or None for each captured second])] of the metrics that are read."""
    lines = (folder / f'{exporter}.columns').read_text().splitlines()[1:]
    for line in lines:
        head, _, tokens = line.partition('\t')
        kind, decimals, series = head.split(' ', 2)
        if series.split('{')[0] in names:
            yield series, kind == 'c', decode(tokens.split(' '), decimals)


def decode(tokens, decimals):
    values, last = [], 0
    for token in tokens:
        if token == '_':
            values.append(None)
        elif token.startswith('*'):
            values += values[-1:] * int(token[1:])
        elif decimals == 'x':
            values.append(float(token))
        else:
            last += int(token)
            values.append(last / 10 ** int(decimals))
    return values


def replayed(values, counter, scrapes):
    """The capture again and again; counters go on where they ended."""
    seconds = int(HOURS * 3600)
    present = [value for value in values if value is not None]
    gain = present[-1] - present[0] if counter and present else 0
    for second in range(0, seconds, STEP_S):
        lap, place = divmod(second, scrapes)
        value = values[place]
        if value is not None:
            yield second, value + lap * gain


def labelled(series, job, instance):
    name, _, labels = series.partition('{')
    own = f'job="{job}",instance="{instance}"'
    return f'{name}{{{own},{labels}' if labels else f'{name}{{{own}}}'


def write_samples(path, start_s, files):
    names = wanted_names(files)
    count = 0
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, ROOT / 'bench' / 'corpus.py', 'unpack', ROOT / 'bench' / 'data', folder], check=True,
                       stdout=subprocess.DEVNULL)
        with open(path, 'w') as out:
            for exporter, (job, instance) in JOBS.items():
                lines = {}
                scrapes = 0
                for series, counter, values in columns(pathlib.Path(folder), exporter, names):
                    scrapes = len(values)
                    samples = list(replayed(values, counter, scrapes))
                    lines.setdefault(series.split('{')[0], []).append((labelled(series, job, instance), samples))
                ups = [(second, 1) for second in range(0, int(HOURS * 3600), STEP_S)]
                lines['up'] = [(f'up{{job="{job}",instance="{instance}"}}', ups)]
                count += write_families(out, lines, start_s)
            out.write('# EOF\n')
    return count


def write_families(out, lines, start_s):
    count = 0
    for name in sorted(lines):
        out.write(f'# TYPE {name} unknown\n')
        for series, samples in lines[name]:
            for second, value in samples:
                out.write(f'{series} {value!r} {start_s + second}\n')
            count += len(samples)
    return count


def free_port():
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return probe.getsockname()[1]


def wait_ready(url, process):
    for _ in range(600):
        if process.poll() is not None:
            sys.exit(f'the collector has ended with {process.returncode}')
        try:
            with urllib.request.urlopen(f'{url}/-/ready', timeout=1) as answer:
                if answer.status == 200:
                    return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    sys.exit('the collector does not become ready')


def backtest(baro, url, files, start_s):
    command = [baro, '--server', url, '--timeout', '5m', 'rules', 'backtest', *map(str, files), '--from', str(start_s), '--to',
               str(start_s + int(HOURS * 3600)), '-o', 'json']
    done = subprocess.run(command, check=False, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(done.stderr)
    return json.loads(done.stdout)


def main(baro, collector):
    files = sorted(path for path in (ROOT / 'alerts').glob('*/alerts.yml') if path.parent.name != 'quai')
    start_s = int(time.time()) - int(HOURS * 3600) - 600
    with tempfile.TemporaryDirectory() as folder:
        text = pathlib.Path(folder) / 'samples.txt'
        samples = write_samples(text, start_s, files)
        config = pathlib.Path(folder) / 'collector.yml'
        config.write_text('global: {evaluation_interval: 15s}\n')
        http, grpc = free_port(), free_port()
        url = f'http://127.0.0.1:{http}'
        process = subprocess.Popen([collector, '--config.file', config, '--storage.path', f'{folder}/data', '--web.listen-address',
                                    f'127.0.0.1:{http}', '--grpc.listen-address', f'127.0.0.1:{grpc}'],
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            wait_ready(url, process)
            subprocess.run([baro, '--server', url, '--timeout', '5m', 'tsdb', 'import-openmetrics', text], check=True,
                           stdout=subprocess.DEVNULL)
            rules = backtest(baro, url, files, start_s)
        finally:
            process.terminate()
            process.wait()
    noisy = [rule for rule in rules if rule['fired'] > 0 or rule['failures'] > 0]
    bad = [rule for rule in noisy if rule['severity'] != 'ticket' or rule['failures'] > 0]
    for rule in noisy:
        print(f"{rule['where']}: {rule['rule']} fired {rule['fired']} times, {rule['failures']} evaluations failed {rule['error']}")
    evaluations = sum(rule['evaluations'] for rule in rules)
    print(f'{samples} samples, {len(rules)} alerts, {evaluations} evaluations, {len(bad)} page')
    return 0 if rules and evaluations and not bad else 1


if __name__ == '__main__':
    sys.exit(main(*sys.argv[1:]))

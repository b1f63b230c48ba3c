#!/usr/bin/env python3
"""The store beside VictoriaMetrics and Prometheus: the same bytes to each, one after the other, in one run.

Reported: server CPU per sample (from the process's own clock, not wall time) on remote write, memory, disk after a forced
merge split into data and index, restart after kill -9, what was lost, every value read back, dashboards over 2 h and 24 h,
the cost of new series, churn, growth. Writes OUT/store.json, the table and plots of docs/benchmarks.md, plots as SVG.

usage: bench/store.py --bin-dir build/release/bin [--peers FOLDER] [--quick] [--only ingest,disk,…] [--write-docs]
"""
import argparse
import datetime
import json
import os
import platform
import shutil
import signal
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
import corpus as captures  # noqa: E402
import dashboards  # noqa: E402
import experiments  # noqa: E402
import report  # noqa: E402
import systems  # noqa: E402

# In the order in which they run. restart, disk and values are measured in the life of ingest's store.
EXPERIMENTS = ('ingest', 'restart', 'disk', 'values', 'native', 'newseries', 'growth', 'query2h', 'churn', 'query24h',
               'users', 'million')
ON_REQUEST = ('users', 'million')  # 8 minutes; half an hour for all three
WITH_INGEST = ('ingest', 'restart', 'disk', 'values')
FULL = {'series': 100_000, 'rows': 480, 'check_instances': 4, 'query_series': 25_000, 'query_runs': 6, 'query_seconds': 0.3,
        'new_series': 100_000, 'new_series_runs': 3, 'churn_series': 5_000, 'churn_rows': 1440, 'churn_percents': '0,1,10',
        'growth_series': '10000,100000,1000000', 'growth_samples': 6_000_000, 'million_series': 1_000_000,
        'users_series': 100_000, 'users_rows': 400, 'users_counts': '1,10,100', 'users_seconds': 60.0, 'users_refresh': 30.0,
        'users_pace': 1.0, 'users_limit': '64MiB'}
QUICK = {'series': 6_000, 'rows': 60, 'check_instances': 2, 'query_series': 3_000, 'query_runs': 2, 'query_seconds': 0.0,
         'new_series': 6_000, 'new_series_runs': 1, 'churn_series': 2_000, 'churn_rows': 60, 'churn_percents': '0,10',
         'growth_series': '3000,12000', 'growth_samples': 100_000, 'million_series': 20_000,
         'users_series': 3_000, 'users_rows': 120, 'users_counts': '1,4', 'users_seconds': 4.0, 'users_refresh': 2.0,
         'users_pace': 0.25, 'users_limit': '2MiB'}
DISK_FREE_LEAST = 12 << 30


def parse_arguments():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument('--bin-dir', required=True, help='folder of baro-collector')
    arguments.add_argument('--peers', help='folder of victoria-metrics and prometheus (./dev peers fetches them)')
    arguments.add_argument('--systems', default='barograph,victoria-metrics,prometheus')
    arguments.add_argument('--systems-24h', default='barograph,victoria-metrics',
                           help='for query24h; Prometheus takes minutes to load a day')
    arguments.add_argument('--only', default=','.join(name for name in EXPERIMENTS if name not in ON_REQUEST),
                           help=f'some of: {", ".join(EXPERIMENTS)} (by default all but {", ".join(ON_REQUEST)})')
    arguments.add_argument('--data', default=os.path.join(HERE, 'data'), help='packed capture (bench/corpus.py pack)')
    arguments.add_argument('--out', default='build/bench', help='folder of store.json and, without --write-docs, of the plots')
    arguments.add_argument('--write-docs', action='store_true', help='write docs/benchmarks.md and its plots')
    arguments.add_argument('--quick', action='store_true', help='small sizes: shows that it works, measures little')
    arguments.add_argument('--connections', type=int, default=8)
    arguments.add_argument('--collector-flags', default='', help='more flags for baro-collector, separated by spaces')
    for name, value in FULL.items():
        arguments.add_argument('--' + name.replace('_', '-'), type=type(value))
    options = arguments.parse_args()
    for name, value in (QUICK if options.quick else FULL).items():
        if getattr(options, name) is None:
            setattr(options, name, value)
    options.collector_flags = options.collector_flags.split()
    unknown = set(options.only.split(',')) - set(EXPERIMENTS)
    if unknown:
        arguments.error(f'--only: no experiment {", ".join(sorted(unknown))}')
    return options


def machine():
    with open('/proc/cpuinfo', encoding='utf-8') as file:
        models = [line.split(':', 1)[1].strip() for line in file if line.startswith('model name')]
    with open('/proc/meminfo', encoding='utf-8') as file:
        memory = int(file.readline().split()[1]) * 1024
    return {'cpu': models[0] if models else platform.machine(), 'cpus': os.cpu_count(), 'memory': memory,
            'kernel': platform.release(), 'load': os.getloadavg()[0]}


def command(words):
    """What a user types for the same run: ./dev adds the rest itself."""
    shown, words = ['./dev bench store'], iter(words)
    for word in words:
        if word in ('--bin-dir', '--peers', '--data', '--out'):
            next(words, None)
        elif word != '--write-docs':
            shown.append(word)
    return ' '.join(shown)


def say(text):
    print(f'{datetime.datetime.now():%H:%M:%S} {text}', flush=True)


class Run:
    """What is measured so far; an experiment that fails is reported as such and the rest goes on."""

    def __init__(self, options, corpus, names):
        self.options, self.corpus, self.names = options, corpus, names
        self.results, self.failures = {}, []

    def each(self, title, names, measure):
        """{system: figures} of one experiment."""
        found = {}
        self.corpus.begin()
        for name in names:
            begin = time.monotonic()
            try:
                found[name] = measure(name)
            except (AssertionError, RuntimeError, OSError, ValueError, KeyError) as error:
                self.failures.append(f'{title}, {name}: {error}')
                say(f'{title}: {name} FAILED: {error}')
                continue
            say(f'{title}: {name}: {report.one_line(found[name])} ({time.monotonic() - begin:.0f} s)')
        self.corpus.forget()
        return found

    def queries(self, title, names, hours):
        keep = {}
        found = self.each(title, names, lambda name: experiments.query(name, self.corpus, self.options, hours, keep))
        for name in names:
            if name != 'barograph' and name in keep and 'barograph' in keep:
                # VictoriaMetrics' rate() does not extrapolate, so its values differ by design.
                tolerance = 1e-9 if name == 'prometheus' else 0.1
                ours, theirs = keep['barograph'], keep[name]
                found[name]['compared'] = {query[0]: dashboards.compare(ours[query[0]], theirs[query[0]], tolerance)
                                           for query in dashboards.QUERIES}
        return found

    def run(self):
        options, corpus = self.options, self.corpus
        wanted = set(options.only.split(','))
        if wanted & set(WITH_INGEST):
            self.results['ingest'] = self.each('ingest', self.names,
                                               lambda name: experiments.ingest(name, corpus, options, wanted))
        if 'native' in wanted and 'barograph' in self.names:
            self.results['native'] = {
                str(rows): self.each(f'native, {rows} rows a batch', ['barograph'],
                                     lambda name, rows=rows: experiments.native(corpus, options, rows)) for rows in (1, 16)}
        if 'newseries' in wanted:
            self.results['newseries'] = self.each('new series', self.names,
                                                  lambda name: experiments.new_series(name, corpus, options))
        if 'growth' in wanted:
            self.results['growth'] = {
                size: self.each(f'growth to {size} series', self.names,
                                lambda name, size=size: experiments.growth(name, corpus, options, int(size)))
                for size in options.growth_series.split(',')}
        if 'query2h' in wanted:
            self.results['query2h'] = self.queries('queries over 2 h', self.names, 0.5 if options.quick else 2)
        if 'churn' in wanted:
            self.results['churn'] = {
                percent: self.each(f'churn of {percent} %', self.names,
                                   lambda name, percent=percent: experiments.churn(name, corpus, options, float(percent)))
                for percent in options.churn_percents.split(',')}
        if 'query24h' in wanted:
            names = [name for name in options.systems_24h.split(',') if name in self.names]
            self.results['query24h'] = self.queries('queries over 24 h', names, 1 if options.quick else 24)
        if 'users' in wanted:
            self.results['users'] = self.each('users', [name for name in self.names if name == 'barograph'],
                                              lambda name: experiments.crowd(name, corpus, options))
        if 'million' in wanted:
            self.results['million'] = self.each('a million series', self.names,
                                                lambda name: experiments.million(name, corpus, options))
        return self.results


def end_cleanly():
    """SIGTERM and Ctrl-C end the servers and remove the folders, too, even when a shell started us in the background."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    signal.signal(signal.SIGINT, signal.default_int_handler)


def main():
    options = parse_arguments()
    end_cleanly()
    names = []
    for name in options.systems.split(','):
        reason = systems.missing(options, name)
        if reason:
            say(f'{name} left out: {reason}')
        else:
            names.append(name)
    if not names:
        sys.exit('store: nothing to measure')
    begin = time.monotonic()
    options.work = tempfile.mkdtemp(prefix='baro-bench-')
    if not options.quick and shutil.disk_usage(options.work).free < DISK_FREE_LEAST:
        sys.exit(f'store: needs {DISK_FREE_LEAST >> 30} GiB free in {options.work}')
    try:
        folder = os.path.join(options.work, 'columns')
        corpus = experiments.Corpus(options, folder, captures.unpack(options.data, folder))
        about = {'date': f'{datetime.datetime.now(datetime.timezone.utc):%Y-%m-%d %H:%M} UTC', 'machine': machine(),
                 'versions': {name: systems.short_version(systems.SYSTEMS[name].version(options)) for name in names},
                 'command': command(sys.argv[1:]),
                 'quick': options.quick, 'scrapes': corpus.scrapes, 'series_per_instance': corpus.series_per_instance}
        run = Run(options, corpus, names)
        results = run.run()
    finally:
        shutil.rmtree(options.work, ignore_errors=True)
    about.update(seconds=round(time.monotonic() - begin), failures=run.failures)
    os.makedirs(options.out, exist_ok=True)
    with open(os.path.join(options.out, 'store.json'), 'w', encoding='utf-8') as file:
        json.dump({'about': about, 'results': results}, file, indent=1)
    report.write(about, results, options)
    say(f'done in {about["seconds"]} s; {len(run.failures)} failures; figures in {options.out}/store.json')
    return 1 if run.failures else 0


if __name__ == '__main__':
    sys.exit(main())

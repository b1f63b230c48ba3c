"""The experiments of bench/store.py. Each runs one system alone with an empty store and returns plain figures."""
import contextlib
import json
import math
import os
import statistics
import subprocess
import time
import urllib.parse

import dashboards
import systems
import users
from systems import processes

ROW_S = 15
SEGMENTS = 6  # of a replay; the median of their CPU per sample is reported
LOST_ROWS = 5  # sent just before kill -9
REST_S = 12  # VictoriaMetrics writes to disk what is five seconds old
COMPLETE_S = 10  # after which a restarted server that gains no more rows has lost them
COUNTED = 'node_load1'  # one series a host, in every scrape


@contextlib.contextmanager
def killed_on_error(process):
    """Waits for a process in the end; does not when something else went wrong."""
    with process:
        try:
            yield process
        except BaseException:
            process.kill()
            raise


class Corpus:
    """The unpacked capture and what remote_write_replay makes of it. Request files live for one experiment."""

    def __init__(self, options, folder, scrapes):
        self.options, self.folder, self.scrapes = options, folder, scrapes
        self.tool = os.path.join(options.bin_dir, '..', 'bench', 'remote_write_replay')
        self.series_per_instance = sum(self.columns(name) for name in os.listdir(folder))
        self.begin()

    def begin(self):
        """Forgets the last experiment; all systems of the next one get the same bytes, with the same times."""
        self.now, self.files = int(time.time()), {}

    def columns(self, name):
        with open(os.path.join(self.folder, name), encoding='utf-8') as file:
            return sum(1 for _ in file) - 1

    def instances(self, series, exporters=()):
        names = [name for name in os.listdir(self.folder) if not exporters or name.removesuffix('.columns') in exporters]
        return max(1, round(series / sum(self.columns(name) for name in names)))

    @staticmethod
    def arguments(plan):
        return [word for key, value in plan.items() for word in ('--' + key.replace('_', '-'), str(value))]

    def run(self, *words):
        done = subprocess.run([self.tool, *words], capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise RuntimeError(f'remote_write_replay {" ".join(words[:2])} failed: {done.stderr[-500:]}')
        return json.loads(done.stdout.rstrip().split('\n')[-1])

    def encode(self, plan):
        """(file, figures); the same plan gives the same file to every system."""
        key = json.dumps(plan, sort_keys=True)
        if key not in self.files:
            path = os.path.join(self.options.work, f'requests-{len(self.files)}')
            self.files[key] = path, self.run('encode', '--data', self.folder, '--out', path, *self.arguments(plan))
        return self.files[key]

    def forget(self):
        for path, _ in self.files.values():
            with contextlib.suppress(FileNotFoundError):
                os.remove(path)
        self.begin()

    def check(self, server, plan):
        return self.run('check', '--data', self.folder, '--url', server.url, *self.arguments(plan))

    def send(self, server, path, report_rows=0):
        """[(samples, seconds, server CPU)] since the start of sending, one for each report; the last is the total."""
        command = [self.tool, 'send', path, server.address(), '--report-rows', str(report_rows),
                   '--connections', str(self.options.connections)]
        begin, reports = server.cpu(), []
        with killed_on_error(subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)) as process:
            for line in process.stdout:
                reports.append((json.loads(line), server.cpu() - begin))
            errors = process.stderr.read()
        if process.returncode != 0:
            raise RuntimeError(f'{server.name}: send failed: {errors[-500:]} {server.program.log_tail(5)}')
        return reports

    def stream(self, server, plan):
        """Encodes and sends at the same time, for what is too large for a file. (encoded samples, server CPU)."""
        encode = [self.tool, 'encode', '--data', self.folder, '--out', '-', *self.arguments(plan)]
        begin = server.cpu()
        with killed_on_error(subprocess.Popen(encode, stdout=subprocess.PIPE)) as source:
            done = subprocess.run([self.tool, 'send', '-', server.address(), '--connections', str(self.options.connections)],
                                  stdin=source.stdout, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise RuntimeError(f'{server.name}: send failed: {done.stderr[-500:]} {server.program.log_tail(5)}')
        return json.loads(done.stdout.rstrip().split('\n')[-1])['samples'], server.cpu() - begin


def per_sample_us(reports):
    """CPU in µs per sample of each stretch between two reports."""
    stretches, samples, cpu = [], 0, 0.0
    for report, at in reports:
        if report['samples'] > samples:
            stretches.append((at - cpu) * 1e6 / (report['samples'] - samples))
            samples, cpu = report['samples'], at
    return stretches


def base_plan(corpus, series, rows, exporters=(), interval_s=ROW_S):
    start_ms = (corpus.now - (rows + LOST_ROWS) * interval_s - 60) * 1000
    plan = {'instances': corpus.instances(series, exporters), 'start_ms': start_ms, 'interval_ms': interval_s * 1000}
    if exporters:
        plan['exporters'] = ','.join(exporters)
    return plan


def again(server):
    """kill -9 and start; the seconds until ready, when nothing else is asked."""
    server.kill()
    return server.start()


def counted_rows(server, plan, rows):
    """(share of the rows that a counting query finds, whether the answer came without a warning that more is being loaded)."""
    width = (rows + 2) * plan['interval_ms'] // 1000
    at = (plan['start_ms'] + (rows + 1) * plan['interval_ms']) / 1000
    expression = urllib.parse.quote(f'sum(count_over_time({COUNTED}[{width}s]))')
    status, text = processes.http(f'{server.url}/api/v1/query?query={expression}&time={at}')
    if status != 200:
        return 0.0, False
    answer = json.loads(text)
    found = answer['data']['result']
    count = float(found[0]['value'][1]) if found else 0
    return count / (plan['instances'] * rows), not answer.get('warnings')


def restart(server, corpus, plan, rows):
    """kill -9 right after the last acknowledgement; what is lost, and how long until ready and until complete.

    What was sent before has come to rest, as it has in life, where a row comes every 15 s; only the last rows are at stake."""
    time.sleep(REST_S)
    path, encoded = corpus.encode(dict(plan, first_row=rows, rows=LOST_ROWS))
    corpus.send(server, path)
    server.kill()
    begin = time.monotonic()
    ready = server.start()
    share, at_rest = 0.0, begin
    while share < 1 and time.monotonic() < begin + 300 and time.monotonic() < at_rest + ready + COMPLETE_S:
        last = share
        share, whole = counted_rows(server, plan, rows + LOST_ROWS)
        if share > last or not whole:
            at_rest = time.monotonic()  # more is to come
        time.sleep(0.01)
    complete = time.monotonic() - begin if share >= 1 else None
    lost = round((1 - share) * (rows + LOST_ROWS), 3)
    if lost > 0:
        corpus.send(server, path)  # what follows is measured on the same samples for all
    return {'ready': ready, 'complete': complete, 'rows_lost': lost, 'samples_lost': round(lost * encoded['samples'] / LOST_ROWS),
            'rss': server.rss()}


def ingest(name, corpus, options, wanted):
    """Remote write, memory, restart, disk and a comparison of every value, in one life of a store."""
    rows = options.rows
    plan = base_plan(corpus, options.series, rows)
    first, known = (corpus.encode(dict(plan, rows=1)), corpus.encode(dict(plan, first_row=1, rows=rows - 1)))
    with systems.running(name, options) as server:
        empty = server.rss()
        declared = corpus.send(server, first[0])[-1][1] + server.quiet()
        reports = corpus.send(server, known[0], math.ceil((rows - 1) / SEGMENTS))
        stretches = per_sample_us(reports)
        samples = first[1]['samples'] + known[1]['samples']
        cpu_known = reports[-1][1] + server.quiet()
        figures = {'series': first[1]['series'], 'rows': rows, 'samples': samples, 'wire_bytes': known[1]['bytes'],
                   'cpu': statistics.median(stretches), 'cpu_least': min(stretches), 'cpu_most': max(stretches),
                   'n': len(stretches), 'cpu_quiet': cpu_known * 1e6 / known[1]['samples'],
                   'cpu_first_row': declared * 1e6 / first[1]['samples'], 'seconds': reports[-1][0]['seconds'],
                   'retried': reports[-1][0]['retried'], 'rss_empty': empty, 'rss': server.rss(), 'peak': server.peak()}
        if 'restart' in wanted:
            figures['restart'] = restart(server, corpus, plan, rows)
            rows += LOST_ROWS
        if 'disk' in wanted:
            figures['disk'] = disk_of(server, figures, rows, corpus)
        if 'values' in wanted:
            instances = plan['instances'] if name == 'barograph' else min(plan['instances'], options.check_instances)
            figures['values'] = dict(corpus.check(server, dict(plan, instances=instances, rows=rows)), instances=instances)
        return figures


def native(corpus, options, rows_per_batch):
    """Agents that push frames through gRPC: what an agent sends that keeps up (1 row a batch), or catches up (more)."""
    tool = os.path.join(options.bin_dir, '..', 'bench', 'native_replay')
    if not os.access(tool, os.X_OK):
        raise RuntimeError(f'no program {tool}')
    rows = options.rows
    plan = base_plan(corpus, options.series, rows)
    with systems.running('barograph', options) as server:
        def replay(first, count):
            command = [tool, server.grpc, '--data', corpus.folder, '--rows-per-batch', str(rows_per_batch),
                       *corpus.arguments(dict(plan, first_row=first, rows=count))]
            begin = server.cpu()
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            if done.returncode != 0:
                raise RuntimeError(f'native_replay failed: {done.stderr[-500:]}')
            return json.loads(done.stdout.rstrip().split('\n')[-1]), server.cpu() - begin

        replay(0, 1)  # declares everything
        server.quiet()
        sent, cpu = replay(1, rows - 1)
        figures = {'series': sent['series'], 'samples': sent['samples'], 'rows_per_batch': rows_per_batch,
                   'cpu': cpu * 1e6 / sent['samples'], 'wire_bytes': sent['bytes'], 'rss': server.rss(), 'peak': server.peak(),
                   'cpu_quiet': (cpu + server.quiet()) * 1e6 / sent['samples']}
        figures['values'] = corpus.check(server, dict(plan, instances=min(plan['instances'], options.check_instances), rows=rows))
        return figures


def million(name, corpus, options):
    """A million active series with two hours of rows in memory, then kill -9."""
    plan = base_plan(corpus, options.million_series, options.rows)
    with systems.running(name, options) as server:
        samples, cpu = corpus.stream(server, dict(plan, rows=1))
        first = (cpu + server.quiet()) * 1e6 / samples
        samples, cpu = corpus.stream(server, dict(plan, first_row=1, rows=options.rows - 1))
        figures = {'series': plan['instances'] * corpus.series_per_instance, 'rows': options.rows, 'cpu_first_row': first,
                   'samples': samples, 'cpu': cpu * 1e6 / samples, 'rss': server.rss(), 'peak': server.peak()}
        figures['restart'] = restart(server, corpus, plan, options.rows)
        return figures


def disk_of(server, figures, rows, corpus):
    before = server.cpu()
    remark = server.merge()
    sizes = server.disk()
    samples = figures['samples'] * rows / figures['rows']
    return dict(sizes, per_sample={part: size / samples for part, size in sizes.items()}, index_per_series=sizes['index'] /
                figures['series'], cpu_merge=(server.cpu() - before) * 1e6 / samples, remark=remark or server.disk_remark(),
                repeats=rows > corpus.scrapes)


def load(server, corpus, plan, rows):
    """Sends rows in pieces, so that the request files stay small. The totals."""
    samples, cpu, step = 0, server.cpu(), max(1, 40_000_000 // max(1, plan['instances'] * corpus.series_per_instance))
    for first in range(0, rows, step):
        path, _ = corpus.encode(dict(plan, first_row=first, rows=min(step, rows - first)))
        samples += corpus.send(server, path)[-1][0]['samples']
    return samples, server.cpu() - cpu


def query(name, corpus, options, hours, keep):
    """The dashboards over a window of so many hours. `keep` gets the answers for the comparison."""
    rows = int(hours * 3600 / ROW_S)
    plan = base_plan(corpus, options.query_series, rows)
    with systems.running(name, options) as server:
        samples, cpu = load(server, corpus, plan, rows)
        figures = {'series': plan['instances'] * corpus.series_per_instance, 'samples': samples, 'cpu_load': cpu * 1e6 / samples,
                   'remark': server.merge() if hours > 2 else server.flush(), 'rss': server.rss()}
        server.reset_peak()
        step = 30 if hours <= 2 else 120
        end_s = (plan['start_ms'] + rows * plan['interval_ms']) // 1000
        width = int(hours * 3600) - 20 * step - 300
        window = dashboards.Window(end_s, width // step * step, step)
        found, keep[name] = dashboards.run(server, window, options)
        figures.update(found, rss_after=server.rss(), peak=server.peak(), width=window.width, step=step)
        return figures


def new_series(name, corpus, options):
    """Declares many new series again and again beside a fleet that goes on; their cost is what the same row costs later."""
    plan = base_plan(corpus, options.new_series, 2)
    costs, repeats = [], []
    with systems.running(name, options) as server:
        corpus.send(server, corpus.encode(dict(plan, rows=2, instances=corpus.instances(10_000)))[0])
        for turn in range(options.new_series_runs):
            first = dict(plan, first_instance=10_000 * (turn + 1), rows=1)
            path, encoded = corpus.encode(first)
            new = corpus.send(server, path)[-1][1] + server.quiet()
            again = corpus.send(server, corpus.encode(dict(first, first_row=1))[0])[-1][1] + server.quiet()
            costs.append((new - again) * 1e6 / encoded['samples'])
            repeats.append(again * 1e6 / encoded['samples'])
        return {'series': encoded['samples'], 'cpu': statistics.median(costs), 'cpu_least': min(costs), 'cpu_most': max(costs),
                'cpu_again': statistics.median(repeats), 'n': len(costs), 'rss': server.rss(), 'peak': server.peak()}


def churn(name, corpus, options, percent):
    """A simulated stretch at one row a minute, in which a share of the targets is replaced every ten minutes."""
    plan = dict(base_plan(corpus, options.churn_series, options.churn_rows, ['node'], 60), churn_percent=percent, churn_rows=10)
    with systems.running(name, options) as server:
        path, encoded = corpus.encode(dict(plan, rows=options.churn_rows))
        reports = corpus.send(server, path)
        cpu, rss = reports[-1][1] + server.quiet(), server.rss()
        begin = server.cpu()
        remark = server.merge()
        return {'series': encoded['series'], 'samples': encoded['samples'], 'cpu': cpu * 1e6 / encoded['samples'], 'cpu_total': cpu,
                'cpu_merge': server.cpu() - begin, 'rss': rss, 'peak': server.peak(), 'disk': server.disk(), 'remark': remark}


def crowd(name, corpus, options):
    """100 people with dashboards open beside ingest, and a query that wants too much."""
    if name == 'barograph':
        options.collector_flags = [*options.collector_flags, '--query.memory-limit', options.users_limit]
    return users.measure(name, corpus, options, base_plan, load)


GROWTH_QUERIES = [('one host', 'instant', 'node_load1{' + dashboards.SELECTED + '}'),
                  ('cpu by mode', 'instant', 'sum by (mode) (rate(node_cpu_seconds_total[5m]))'),
                  ('label values', 'labels', 'instance')]


def growth(name, corpus, options, series):
    """CPU per sample and memory at one size; six stretches after the first row."""
    rows = max(1, int(options.growth_samples / SEGMENTS / series))
    plan = base_plan(corpus, series, rows * SEGMENTS + 1)
    with systems.running(name, options) as server:
        path, first = corpus.encode(dict(plan, rows=1))
        declared = corpus.send(server, path)[-1][1] + server.quiet()
        path, _ = corpus.encode(dict(plan, first_row=1, rows=rows * SEGMENTS))
        reports = corpus.send(server, path, rows)
        stretches = per_sample_us(reports)
        figures = {'series': first['series'], 'rows': rows * SEGMENTS + 1, 'cpu': statistics.median(stretches),
                   'cpu_least': min(stretches), 'cpu_most': max(stretches), 'n': len(stretches), 'rss': server.rss(),
                   'peak': server.peak(), 'cpu_first_row': declared * 1e6 / first['samples']}
        server.flush()
        end_s = (plan['start_ms'] + (rows * SEGMENTS + 1) * plan['interval_ms']) // 1000
        # A step of a second: the runs' windows, each a step older, stay within the few rows there are.
        window, connection = dashboards.Window(end_s, 600, 1), dashboards.Connection(server.address())
        figures['queries'] = {entry[0]: dashboards.time_query(server, connection, window, entry, '', options)
                              for entry in GROWTH_QUERIES}
        connection.close()
        figures['ready'] = again(server)
        return figures

"""What real dashboards ask: instant and range panels, label lists; timed over one kept-alive connection, and compared."""
import http.client
import json
import math
import statistics
import time
import urllib.parse

# name, kind, expression. W is the whole window, S a selector of one instance.
QUERIES = [
    ('cpu by mode', 'range', 'sum by (mode) (rate(node_cpu_seconds_total[5m]))'),
    ('cpu busy by instance', 'range', '100 - 100 * avg by (instance) (rate(node_cpu_seconds_total{mode="idle"}[5m]))'),
    ('memory used', 'range', '1 - node_memory_MemAvailable_bytes / node_memory_MemTotal_bytes'),
    ('memory of one host', 'range', '{__name__=~"node_memory_(MemFree|Cached|Buffers|Active)_bytes",S}'),
    ('load', 'range', 'node_load1'),
    ('disk write rate', 'range', 'sum by (instance, device) (rate(node_disk_written_bytes_total[5m]))'),
    ('disk io time', 'range', 'rate(node_disk_io_time_seconds_total{device!~"loop.*|ram.*"}[5m])'),
    ('network receive', 'range', 'sum by (instance) (irate(node_network_receive_bytes_total{device!="lo"}[5m]))'),
    ('filesystem free', 'range', 'min by (instance) (node_filesystem_avail_bytes / node_filesystem_size_bytes)'),
    ('context switches', 'range', 'sum(rate(node_context_switches_total[5m]))'),
    ('http p99', 'range',
     'histogram_quantile(0.99, sum by (le, handler) (rate(prometheus_http_request_duration_seconds_bucket[5m])))'),
    ('http p50 of all', 'range', 'histogram_quantile(0.5, sum by (le) (rate(prometheus_http_request_duration_seconds_bucket[5m])))'),
    ('postgres commits', 'range', 'sum by (datname) (rate(pg_stat_database_xact_commit[5m]))'),
    ('postgres cache hits', 'range', 'sum(rate(pg_stat_database_blks_hit[5m])) / (sum(rate(pg_stat_database_blks_hit[5m])) + '
     'sum(rate(pg_stat_database_blks_read[5m])))'),
    ('go heap', 'range', 'sum by (job) (go_memstats_heap_inuse_bytes)'),
    ('go gc share', 'range', 'avg by (job) (rate(go_gc_duration_seconds_sum[5m]))'),
    ('top by cpu', 'range', 'topk(5, rate(process_cpu_seconds_total[5m]))'),
    ('metrics by pattern', 'range', 'count by (__name__) ({__name__=~"vm_.*_total",S})'),
    ('average over an hour', 'range', 'avg by (instance) (avg_over_time(node_load1[1h]))'),
    ('load now', 'instant', 'node_load1'),
    ('top memory now', 'instant', 'topk(10, process_resident_memory_bytes)'),
    ('series by job', 'instant', 'count by (job) ({__name__=~".+"})'),
    ('regex of instances', 'instant', 'sum(rate(node_cpu_seconds_total{instance=~"host-0000[0-4].*",mode!="idle"}[5m]))'),
    ('increase over all', 'instant', 'sum by (job) (increase(process_cpu_seconds_total[W]))'),
    ('maximum over all', 'instant', 'max_over_time(node_load1[W])'),
    ('rate over all, many', 'instant', 'sum by (handler) (rate(prometheus_http_request_duration_seconds_bucket[W]))'),
    ('quantile over all', 'instant', 'quantile_over_time(0.95, node_load1[W])'),
    ('label values', 'labels', 'instance'),
    ('metric names', 'labels', '__name__'),
    ('series of a host', 'series', '{S}'),
]
SELECTED = 'instance="host-00000:9100"'


class Connection:
    """A kept-alive connection; get() reads the whole answer and looks at nothing but its status."""

    def __init__(self, address):
        self.connection = http.client.HTTPConnection(address, timeout=300)

    def get(self, path):
        try:
            return self.exchange(path)
        except (http.client.RemoteDisconnected, ConnectionError):  # the server ended a connection of some age
            self.connection.close()
            return self.exchange(path)

    def exchange(self, path):
        self.connection.request('GET', path)
        answer = self.connection.getresponse()
        body = answer.read()
        return answer.status, body

    def close(self):
        self.connection.close()


class Window:
    """The time that a dashboard shows: its end and width in seconds, and the step of its panels."""

    def __init__(self, end_s, width_s, step_s):
        self.end, self.width, self.step = end_s // step_s * step_s, width_s, step_s

    def path(self, kind, text, shift=0, extra=''):
        """The request, `shift` steps before the end: a dashboard that refreshes asks for another window each time."""
        end = self.end - shift * self.step
        begin = end - self.width
        text = text.replace('[W]', f'[{self.width}s]').replace('{S}', '{' + SELECTED + '}').replace(',S}', f',{SELECTED}}}')
        if kind == 'range':
            return f'/api/v1/query_range?query={urllib.parse.quote(text)}&start={begin}&end={end}&step={self.step}{extra}'
        if kind == 'instant':
            return f'/api/v1/query?query={urllib.parse.quote(text)}&time={end}{extra}'
        if kind == 'labels':
            return f'/api/v1/label/{text}/values?start={begin}&end={end}'
        return f'/api/v1/series?match[]={urllib.parse.quote(text)}&start={begin}&end={end}'


def time_query(server, connection, window, query, extra, options):
    """{'p50', 'p99', 'cpu', 'n', 'bytes'} in ms; p99 is the nearest rank of n runs."""
    name, kind, text = query
    took, size = [], 0
    status, body = connection.get(window.path(kind, text, 0, extra))
    if status != 200:
        return {'error': f'{status} {body[:200].decode(errors="replace")}'}
    begin, cpu = time.monotonic(), server.cpu()
    while len(took) < options.query_runs or (time.monotonic() - begin < options.query_seconds and len(took) < 100):
        path = window.path(kind, text, len(took) % 20 + 1, extra)
        start = time.perf_counter()
        status, body = connection.get(path)
        took.append((time.perf_counter() - start) * 1000)
        size = len(body)
    cpu = (server.cpu() - cpu) * 1000 / len(took)
    took.sort()
    return {'p50': statistics.median(took), 'p99': took[math.ceil(0.99 * len(took)) - 1], 'cpu': cpu, 'n': len(took),
            'bytes': size}


def answer_of(connection, window, query):
    """{series: {time: value}}; a list's entries are series without values."""
    _, kind, text = query
    status, body = connection.get(window.path(kind, text))
    if status != 200:
        return None
    found = json.loads(body)['data']
    if kind == 'labels':
        return {value: {} for value in found}
    if kind == 'series':
        return {json.dumps(labels, sort_keys=True): {} for labels in found}
    return {json.dumps(row['metric'], sort_keys=True): {at: float(value) for at, value in row.get('values') or [row['value']]}
            for row in found['result']}


def without_names(answer):
    """{labels without __name__: values}."""
    stripped = {}
    for series, values in answer.items():
        labels = json.loads(series)
        labels.pop('__name__', None)
        stripped[json.dumps(labels, sort_keys=True)] = values
    return stripped


def compare(ours, theirs, tolerance):
    """How two answers differ: series, points, and the share of common points within the tolerance."""
    if ours is None or theirs is None:
        return {'same': False, 'why': 'no answer'}
    named = True
    if ours and theirs and not ours.keys() & theirs.keys():  # VictoriaMetrics keeps names that PromQL drops
        ours, theirs, named = without_names(ours), without_names(theirs), False
    common = ours.keys() & theirs.keys()
    points = within = 0
    worst = 0.0
    for series in common:
        for at in ours[series].keys() & theirs[series].keys():
            one, other = ours[series][at], theirs[series][at]
            if math.isnan(one) and math.isnan(other) or one == other:
                error = 0.0
            else:
                error = abs(one - other) / max(abs(one), abs(other), 1e-300)
            points += 1
            within += error <= tolerance
            worst = max(worst, error) if math.isfinite(error) else math.inf
    count, other_count = (sum(map(len, answer.values())) for answer in (ours, theirs))
    return {'series': len(ours), 'other_series': len(theirs), 'common': len(common), 'points': count, 'other_points': other_count,
            'within': within / points if points else 1.0, 'worst': worst, 'named': named,
            'same': len(ours) == len(theirs) == len(common) and count == other_count and within == points}


def run(server, window, options):
    """{'queries': {name: figures}, 'nocache': {…}}, {name: answer}."""
    connection = Connection(server.address())
    figures, answers = {'queries': {}}, {}
    for query in QUERIES:
        figures['queries'][query[0]] = time_query(server, connection, window, query, '', options)
        answers[query[0]] = answer_of(connection, window, query)
    if server.cached_queries:
        figures['nocache'] = {query[0]: time_query(server, connection, window, query, '&nocache=1', options) for query in QUERIES}
    connection.close()
    return figures, answers

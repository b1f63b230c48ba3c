#!/usr/bin/env python3
"""OpenTelemetry's own SDK sends every kind of instrument by each of its exporters: the collector has what was recorded.

usage: otlp_sdk.py BIN_DIR. Needs the packages opentelemetry-sdk and opentelemetry-exporter-otlp-proto-{http,grpc}; without
them the test is skipped (exit 77).
"""
import json
import sys
import time
import urllib.parse

import processes

try:
    import grpc
    from opentelemetry import trace
    from opentelemetry.exporter.otlp.proto.grpc.metric_exporter import OTLPMetricExporter as GrpcExporter
    from opentelemetry.exporter.otlp.proto.http import Compression
    from opentelemetry.exporter.otlp.proto.http.metric_exporter import OTLPMetricExporter as HttpExporter
    from opentelemetry.metrics import Observation
    from opentelemetry.sdk import metrics as sdk
    from opentelemetry.sdk.metrics.export import AggregationTemporality, PeriodicExportingMetricReader
    from opentelemetry.sdk.metrics.view import ExponentialBucketHistogramAggregation, View
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
except ImportError as missing:
    processes.skip(f'no OpenTelemetry SDK: {missing}')

EXPORTS = 3
NEVER_MS = 1e9  # exports come when the test says so
DELTA = {kind: AggregationTemporality.DELTA for kind in (sdk.Counter, sdk.Histogram, sdk.ObservableCounter)}


def exporters(collector):
    """(name, exporter, its temporality): each protocol, plain and packed, cumulative and delta."""
    for temporality, preferred in (('cumulative', None), ('delta', DELTA)):
        for name, packing in (('none', Compression.NoCompression), ('gzip', Compression.Gzip), ('deflate', Compression.Deflate)):
            for path in ('/v1/metrics', '/api/v1/otlp/v1/metrics'):
                yield f'http-{name}-{path.count("/")}-{temporality}', HttpExporter(
                    endpoint=collector.url + path, compression=packing, preferred_temporality=preferred)
        for name, packing in (('none', grpc.Compression.NoCompression), ('gzip', grpc.Compression.Gzip),
                              ('deflate', grpc.Compression.Deflate)):
            yield f'grpc-{name}-{temporality}', GrpcExporter(
                endpoint='http://' + collector.grpc, insecure=True, compression=packing, preferred_temporality=preferred)


def record(name, exporter):
    """Records the same into every instrument before each export; every export must succeed."""
    outcomes, export = [], exporter.export
    exporter.export = lambda *arguments, **options: outcomes.append(export(*arguments, **options)) or outcomes[-1]
    reader = PeriodicExportingMetricReader(exporter, export_interval_millis=NEVER_MS)
    provider = sdk.MeterProvider(
        metric_readers=[reader], shutdown_on_exit=False,
        resource=Resource({'service.name': 'sdk', 'service.namespace': 'e2e', 'service.instance.id': name, 'host.name': 'h'}),
        views=[View(instrument_name='exp', aggregation=ExponentialBucketHistogramAggregation())])
    meter = provider.get_meter('meter', '1.0')
    counter, up_down = meter.create_counter('jobs', unit='1', description='Jobs done'), meter.create_up_down_counter('open')
    explicit, exponential = meter.create_histogram('took', unit='s'), meter.create_histogram('exp', unit='By')
    meter.create_gauge('level', unit='Cel').set(21.5, {'room': 'a'})
    seen = [0]
    meter.create_observable_gauge('watched', [lambda _: [Observation(7, {'w': 'x'})]])
    meter.create_observable_counter('total', [lambda _: [Observation(seen[0])]])
    tracer = TracerProvider().get_tracer('t')
    for _ in range(EXPORTS):
        seen[0] += 5
        with tracer.start_as_current_span('span'):
            for value in (0.003, 0.2, 3.0, 9000.0):
                counter.add(2, {'kind': 'k', 'dotted.key': 'd'})
                up_down.add(1)
                explicit.record(value, {'kind': 'k'})
                exponential.record(value)
            trace_id = trace.format_trace_id(trace.get_current_span().get_span_context().trace_id)
        assert provider.force_flush(), f'{name}: an export failed'
    provider.shutdown()
    assert len(outcomes) >= EXPORTS and all(outcome.value == 0 for outcome in outcomes), f'{name}: {outcomes}'
    return trace_id


def query(collector, expression):
    rows = processes.query(collector.url, expression)
    assert rows is not None, expression
    return rows[0][1] if rows else None


def check(collector, name, trace_id):
    one = f'job="e2e/sdk",instance="{name}"'
    observed = 4 * EXPORTS
    for expression, expected in (
            (f'jobs_total{{{one},kind="k",dotted_key="d"}}', 2 * observed), (f'open{{{one}}}', observed),
            (f'took_seconds_count{{{one},kind="k"}}', observed), (f'took_seconds_bucket{{{one},le="5"}}', 3 * EXPORTS),
            (f'took_seconds_bucket{{{one},le="+Inf"}}', observed), (f'histogram_count(exp_bytes{{{one}}})', observed),
            (f'level_celsius{{{one},room="a"}}', 21.5), (f'watched{{{one},w="x"}}', 7), (f'target_info{{{one},host_name="h"}}', 1),
            (f'{{__name__="total",{one}}}', 5 * EXPORTS)):
        got = query(collector, expression)
        assert got == expected, f'{expression}: {got}, expected {expected}'
    total = query(collector, f'took_seconds_sum{{{one}}}')
    assert abs(total - 9003.203 * EXPORTS) < 1e-6, total
    parameters = urllib.parse.urlencode(
        {'query': f'took_seconds_bucket{{{one}}}', 'start': time.time() - 600, 'end': time.time() + 5})
    exemplars = json.loads(processes.http(f'{collector.url}/api/v1/query_exemplars?{parameters}')[1])['data']
    traces = {exemplar['labels'].get('trace_id') for row in exemplars for exemplar in row['exemplars']}
    assert trace_id in traces, f'{name}: {trace_id} is not in {traces}'


def main():
    with processes.Stage(sys.argv[1]) as stage:
        collector = stage.collector().start()
        processes.wait_ready(collector)
        for name, exporter in exporters(collector):
            check(collector, name, record(name, exporter))
            print(f'{name}: as recorded', flush=True)
        for counter in ('requests_broken_total', 'requests_failed_total', 'refused_points_total'):
            assert processes.metric(collector.url, f'baro_otlp_{counter}') == 0, counter
    print('OK')


if __name__ == '__main__':
    main()

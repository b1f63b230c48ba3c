#!/usr/bin/env python3
"""What a receiver of remote write 2.0 promises, case by case: status, and the numbers in the Written headers.

The cases are those of Prometheus' compliance suite for receivers, told in our own words; each is sent twice, as there, with
new times. usage: write_contract.py BIN_DIR
"""
import math
import struct
import sys
import time
import urllib.error
import urllib.request

import processes
from protobuf import bytes_field, double_field, int_field, packed, signed_field, snappy, varint

V1 = 'application/x-protobuf'
V2 = 'application/x-protobuf;proto=io.prometheus.write.v2.Request'
STALE = struct.unpack('<d', struct.pack('<Q', 0x7ff0000000000002))[0]
COUNTER, GAUGE, HISTOGRAM = 1, 2, 3


class Request:
    """Builds an io.prometheus.write.v2.Request."""

    def __init__(self):
        self.symbols, self.series, self.now_ms = [''], b'', int(time.time() * 1000)

    def ref(self, text):
        if text not in self.symbols:
            self.symbols.append(text)
        return self.symbols.index(text)

    def refs(self, labels):
        return packed(1, [self.ref(text) for pair in labels.items() for text in pair])

    def add(self, labels, sample=None, histogram=None, exemplars=(), metadata=None, offset_ms=0):
        message = self.refs(labels)
        if sample is not None:
            value, start_ms = sample if isinstance(sample, tuple) else (sample, 0)
            start = int_field(3, self.now_ms - start_ms) if start_ms else b''
            message += bytes_field(2, double_field(1, value) + int_field(2, self.now_ms + offset_ms) + start)
        if histogram is not None:
            message += bytes_field(3, histogram + int_field(15, self.now_ms + offset_ms))
        for exemplar_labels, value, exemplar_offset_ms in exemplars:
            message += bytes_field(4, self.refs(exemplar_labels) + double_field(2, value) +
                                   int_field(3, self.now_ms + exemplar_offset_ms))
        if metadata is not None:
            kind, help_text, unit = metadata
            message += bytes_field(5, int_field(1, kind) + int_field(3, self.ref(help_text)) + int_field(4, self.ref(unit)))
        self.series += bytes_field(5, message)
        return self

    def bytes(self):
        return b''.join(bytes_field(4, symbol) for symbol in self.symbols) + self.series


def spans(number, pairs):
    return b''.join(bytes_field(number, signed_field(1, offset) + int_field(2, length)) for offset, length in pairs)


def signed_list(number, values):
    return b''.join(signed_field(number, value) for value in values)


def histogram(total, positive=False, negative=False, zero=False, custom=False, count=None):
    out, observed = double_field(3, total), 0
    if positive:
        out, observed = out + spans(11, [(0, 3), (2, 2)]) + signed_list(12, [1, 2, 1, 3, 1]), observed + 23
    if negative:
        out, observed = out + spans(8, [(0, 2)]) + signed_list(9, [1, 1]), observed + 3
    if zero:
        out, observed = out + int_field(6, 1), observed + 1
    if custom:
        bounds = b''.join(struct.pack('<d', bound) for bound in (0.1, 0.5, 1, 2.5, 5, 10))
        out += signed_field(4, -53) + spans(11, [(0, 6)]) + signed_list(12, [2, 1, 2, 3, -1, -2]) + bytes_field(16, bounds)
        observed = 30
    return out + int_field(1, observed if count is None else count)


def name(text, **labels):
    return {'__name__': text, **labels}


def cases():
    """(what, the request's builder, status, samples, histograms, exemplars written)"""
    for shown, value in (('1', 1.0), ('stale', STALE), ('NaN', math.nan), ('Inf', math.inf), ('-Inf', -math.inf)):
        for what, labels, good in (
                ('a name alone', name('up'), True), ('labels', name('up', job='j', instance='i:1'), True),
                ('newlines', name('up', job='a\nb\n'), True), ('dots', {'__name__': 'a.b', 'c.d': 'e'}, True),
                ('spaces', {'__name__': 'a b', 'c d': 'e'}, True), ('no name', {'job': 'j'}, False), ('no labels', {}, False)):
            yield (f'{what}, value {shown}', lambda r, labels=labels, value=value: r.add(labels, value),
                   204 if good else 400, int(good), 0, 0)
        yield (f'three good ones and a nameless, value {shown}', lambda r, value=value: r.add({'job': 'j'}, value).add(
            name('up', i='1'), value).add(name('up', i='2'), value).add(name('up', i='3'), value), 400, 3, 0, 0)
    yield ('a start timestamp', lambda r: r.add(name('c_total'), (100.0, 3_600_000)), 204, 1, 0, 0)
    for what, kinds, good in (
            ('all signs', dict(positive=True, negative=True, zero=True), True), ('custom bounds', dict(custom=True), True),
            ('positive', dict(positive=True, zero=True), True), ('negative', dict(negative=True), True),
            ('zero bucket', dict(zero=True), True), ('nothing', {}, True), ('a wrong count', dict(positive=True, count=99), False)):
        yield (f'histogram of {what}', lambda r, kinds=kinds: r.add(name('h'), histogram=histogram(1.0, **kinds)),
               204 if good else 400, 0, int(good), 0)
    yield ('histogram with exemplar and metadata', lambda r: r.add(
        name('h2'), histogram=histogram(1.5, positive=True), exemplars=[({'trace_id': 'a', 'span_id': 'b'}, 1.5, 0)],
        metadata=(HISTOGRAM, 'help', 'seconds')), 204, 0, 1, 1)
    for what, labels in (('trace', {'trace_id': 'abc'}), ('no labels', {}), ('unicode', {'trace_id': 'uni_测试'}),
                         ('several', {'trace_id': 't', 'user': 'admin', 'endpoint': '/login'})):
        yield (f'exemplar: {what}', lambda r, labels=labels: r.add(name('e'), 1.0, exemplars=[(labels, math.nan, 0)]), 204, 1, 0, 1)
    yield ('exemplars an hour backwards', lambda r: r.add(name('l'), 0.5, exemplars=[({'trace_id': 'old'}, 1, -3_600_000)],
           offset_ms=-3_600_000).add(name('l'), 0.1, exemplars=[({'trace_id': 'new'}, 1, 0)]), 204, 2, 0, 2)
    yield ('exemplar of a nameless series', lambda r: r.add({'job': 'j'}, 1.0, exemplars=[({'trace_id': 'a'}, 1, 0)]), 400, 0, 0, 0)
    yield ('exemplar alone', lambda r: r.add(name('orphan'), exemplars=[({'trace_id': 'a'}, 1, 0)]), 204, 0, 0, 1)
    yield ('metadata alone', lambda r: r.add(name('orphan'), metadata=(COUNTER, 'help', 'count')), 204, 0, 0, 0)
    for kind in range(8):
        yield (f'metadata of type {kind}', lambda r, kind=kind: r.add(
            name('m'), 1.0, metadata=(kind, 'with\nnewlines and "quotes"', 'bytes/sec')), 204, 1, 0, 0)
    yield ('metadata of a nameless series', lambda r: r.add({'__name__': ''}, 1.0, metadata=(GAUGE, 'h', '')), 400, 0, 0, 0)

    def many(request):
        for i in range(50):
            request.add(name(f'many_{i}', s='🚀'), float(i), exemplars=[({'trace_id': f't{i}'}, i, 0)])
    yield ('fifty of each', many, 204, 50, 0, 50)


def post(url, body, content_type, encoding='snappy'):
    """(status, the three counts written, text)"""
    headers = {'Content-Type': content_type, 'Content-Encoding': encoding, 'X-Prometheus-Remote-Write-Version': '2.0.0'}
    request = urllib.request.Request(f'{url}/api/v1/write', data=body, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            status, got, text = answer.status, answer.headers, answer.read().decode()
    except urllib.error.HTTPError as error:
        status, got, text = error.code, error.headers, error.read().decode()
    written = [got.get(f'X-Prometheus-Remote-Write-{kind}-Written') for kind in ('Samples', 'Histograms', 'Exemplars')]
    return status, [None if count is None else int(count) for count in written], text


def check_cases(url):
    count = 0
    for what, build, status, *written in cases():
        for _ in range(2):
            request = Request()
            build(request)
            got = post(url, snappy(request.bytes()), V2)
            assert got[:2] == (status, written), f'{what}: expected {status} {written}, got {got}'
            assert bool(got[2]) == (status != 204), f'{what}: {got}'
            count += 1
            processes.wait_for('the next millisecond', lambda before=request.now_ms: int(time.time() * 1000) > before)
    print(f'{count} requests are answered as the contract has it', flush=True)


def check_headers(url):
    body = snappy(Request().add(name('up'), 1.0).bytes())
    for content_type, encoding in (('application/json', 'snappy'), ('image/png', 'snappy'), (V2, 'gzip'), (V2, 'deflate'),
                                   (V1 + ';proto=io.prometheus.write.v3.Request', 'snappy')):
        status, written, text = post(url, body, content_type, encoding)
        assert (status, written) == (415, [None] * 3) and text, (content_type, encoding, status, written)
    for content_type in (V1, V2):
        status, written, text = post(url, b'0' + body[1:], content_type)
        assert status == 400 and text, (content_type, status, text)
        assert written == ([0, 0, 0] if content_type == V2 else [None] * 3), written
    label = bytes_field(1, bytes_field(1, '__name__') + bytes_field(2, 'one'))
    old = bytes_field(1, label + bytes_field(2, double_field(1, 1.0) + int_field(2, int(time.time() * 1000))))
    assert post(url, snappy(old), V1)[:2] == (204, [None] * 3)
    status, _, text = post(url, varint(33 << 20) + b'\xfe\xff\xff' * (1 << 19), V2)
    assert status == 413 and '33554432' in text, (status, text)


def check_starts(url):
    """A zero at the start, once, and not counted as written."""
    request = Request()
    for _ in range(2):
        request.add(name('started_total'), (100.0, 60_000))
        assert post(url, snappy(request.bytes()), V2)[0] == 204
    start_s = (request.now_ms - 60_000) / 1000
    at_start = processes.wait_for('the zero at the start', lambda: processes.query(url, 'started_total', start_s))
    assert at_start[0][1] == 0, at_start
    assert processes.query(url, 'count_over_time(started_total[5m])', request.now_ms / 1000)[0][1] == 2
    assert processes.metric(url, 'baro_remote_write_start_samples_total') == 1


def main(bin_dir):
    with processes.Stage(bin_dir) as stage:
        collector = stage.collector(extra=['--enable-feature=created-timestamp-zero-ingestion']).start()
        processes.wait_ready(collector)
        check_starts(collector.url)
        check_cases(collector.url)
        check_headers(collector.url)
    print('OK')


if __name__ == '__main__':
    main(sys.argv[1])

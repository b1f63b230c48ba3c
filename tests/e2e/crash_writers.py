"""Senders that go on while the collector is killed, and know to the bit what it must have afterwards.

Each sends one request after the other, over hours of sample time that pass in minutes, mostly in order and often late. A
request that was answered with success is promised: all of it is there, once, bit for bit. One whose answer was lost is sent
again until it is promised, or left in doubt: then all of it is there, or none.
"""
import hashlib
import json
import os
import random
import struct
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'differential'))
import processes  # noqa: E402
import remote_read  # noqa: E402
import remote_write  # noqa: E402
from protobuf import bytes_field, double_field, int_field, packed, signed_field, snappy, varint  # noqa: E402

SERIES = 12  # of each writer
STEP_MS = 2_000
PAST_MS = 8 * 3_600_000  # before now
PAUSE_S = 0.03
LEFT_IN_DOUBT = 0.3  # of the requests whose answer was lost
SENT_AGAIN = 0.05
LATE = 0.1
V1 = {'Content-Type': 'application/x-protobuf', 'Content-Encoding': 'snappy', 'X-Prometheus-Remote-Write-Version': '0.1.0'}
V2 = {'Content-Type': 'application/x-protobuf;proto=io.prometheus.write.v2.Request', 'Content-Encoding': 'snappy',
      'X-Prometheus-Remote-Write-Version': '2.0.0'}
OTLP = {'Content-Type': 'application/x-protobuf'}
DELTA = 1  # AggregationTemporality


def double_of(bits):
    return struct.unpack('<d', struct.pack('<Q', bits))[0]


def random_value(source):
    """Of every class of double; NaNs are quiet ones, whose payload every machine keeps."""
    kind = source.randrange(10)
    if kind < 4:
        return float(source.randrange(100_000))
    if kind < 6:
        return source.uniform(-1e9, 1e9)
    return (-0.0, double_of(0x7FF8000000000000 | source.getrandbits(50)), float('inf'),
            double_of(source.getrandbits(51) | 1))[kind - 6]


def text_of(value):
    return remote_read.double(struct.pack('<d', value))


def labels_key(name, **labels):
    return json.dumps({'__name__': name, **labels}, sort_keys=True)


class Writer:
    """One sender. Subclasses build requests: body() and what each holds, [(series, time, value)] as remote read tells it."""

    path, headers = '/api/v1/write', V1
    may_doubt = True

    def __init__(self, name, seed, url):
        self.name, self.url, self.random = name, url, random.Random(f'{seed}/{name}')
        self.promised, self.in_doubt, self.failure = {}, [], None
        self.requests = self.answers_lost = 0
        self.start_ms = int(time.time() * 1000) // 1000 * 1000 - PAST_MS
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)

    def start(self):
        self.thread.start()

    def stop(self):
        self.stopping.set()
        self.thread.join(timeout=processes.DEADLINE_S)
        assert not self.thread.is_alive(), f'{self.name} does not end'
        assert self.failure is None, f'{self.name}: {self.failure}'

    def _run(self):
        try:
            while not self.stopping.is_set():
                self._send(self.requests)
                self.requests += 1
                self.stopping.wait(self.random.uniform(0, 2 * PAUSE_S))
        except Exception as error:  # noqa: BLE001, told by stop()
            self.failure = repr(error)

    def time_of(self, request):
        return self.start_ms + request * STEP_MS

    def _send(self, request):
        body, samples = self.build(request)
        while True:
            status, text = processes.http(self.url + self.path, body, self.headers)
            if status in (200, 204):
                assert self.accepted(text), text
                break
            assert status in (0, 503), f'{status} {text}'
            # The answer was lost: it may have been stored. 503, or nobody there, says that it was not.
            lost = status == 0 and 'refused' not in text
            self.answers_lost += lost
            if self.stopping.is_set() or (self.may_doubt and lost and self.random.random() < LEFT_IN_DOUBT):
                self.in_doubt.append(samples)
                return
            self.stopping.wait(0.05)
        for series, time_ms, value in samples:
            self.promised.setdefault(series, {})[time_ms] = value
        if self.may_doubt and self.random.random() < SENT_AGAIN:
            processes.http(self.url + self.path, body, self.headers)  # a duplicate must not show

    def accepted(self, _text):
        return True

    def build(self, request):
        raise NotImplementedError


class WriteOne(Writer):
    """Remote write 1.0; a tenth comes late, by up to an hour."""

    def time_of(self, request):
        time_ms = super().time_of(request)
        if self.random.random() >= LATE:
            return time_ms
        # Between two steps, so that no time is sent twice.
        return time_ms - STEP_MS * self.random.randrange(1, 1_800) + 1 + request % (STEP_MS - 1)

    def build(self, request):
        series_bytes, samples, time_ms = b'', [], self.time_of(request)
        for number in range(SERIES):
            value = random_value(self.random)
            labels = {'__name__': 'crash_one', 'job': 'crash', 'n': str(number)}
            series_bytes += remote_write.series(labels, [(time_ms, value)])
            samples.append((labels_key('crash_one', job='crash', n=str(number)), time_ms, text_of(value)))
        return snappy(series_bytes), samples


class WriteTwo(Writer):
    """Remote write 2.0: floats and native histograms in one request."""

    headers = V2

    def build(self, request):
        symbols, series, samples = [''], b'', []

        def refs(labels):
            for text in (part for pair in labels.items() for part in pair):
                if text not in symbols:
                    symbols.append(text)
            return packed(1, [symbols.index(part) for pair in labels.items() for part in pair])

        time_ms = self.time_of(request)
        for number in range(SERIES):
            value = random_value(self.random)
            labels = {'__name__': 'crash_two', 'job': 'crash', 'n': str(number)}
            series += bytes_field(5, refs(labels) + bytes_field(2, double_field(1, value) + int_field(2, time_ms)))
            samples.append((labels_key('crash_two', job='crash', n=str(number)), time_ms, text_of(value)))
        for number in range(2):
            labels = {'__name__': 'crash_histogram', 'job': 'crash', 'n': str(number)}
            message, told = self._histogram(time_ms)
            series += bytes_field(5, refs(labels) + bytes_field(3, message))
            samples.append((labels_key('crash_histogram', job='crash', n=str(number)), time_ms, told))
        return snappy(b''.join(bytes_field(4, symbol) for symbol in symbols) + series), samples

    def _histogram(self, time_ms):
        counts = [self.random.randrange(50) + 1 for _ in range(self.random.randrange(1, 6))]
        total, zeros = self.random.uniform(0, 1000), self.random.randrange(9)
        deltas = [after - before for before, after in zip([0, *counts], counts)]
        message = (int_field(1, sum(counts) + zeros) + double_field(3, total) + signed_field(4, 2) +
                   double_field(5, 1e-9) + int_field(6, zeros) +
                   bytes_field(11, signed_field(1, 3) + int_field(2, len(counts))) +
                   b''.join(signed_field(12, delta) for delta in deltas) + int_field(15, time_ms))
        told = {'schema': 2, 'count': float(sum(counts) + zeros), 'sum': repr(total), 'zero_threshold': repr(1e-9),
                'zero_count': float(zeros), 'bounds': [], 'negative': {},
                'positive': {str(index + 3): float(count) for index, count in enumerate(counts)}}
        return message, told


def attribute(number, key, value):
    return bytes_field(number, bytes_field(1, key) + bytes_field(2, bytes_field(1, value)))


def otlp_request(metric):
    resource = attribute(1, 'service.name', 'crash') + attribute(1, 'service.instance.id', 'otlp')
    return bytes_field(1, bytes_field(1, resource) + bytes_field(2, bytes_field(2, metric)))


def fixed64(number, value):
    return varint(number << 3 | 1) + struct.pack('<Q', value)


class OtlpGauges(Writer):
    """OTLP gauges over HTTP."""

    path, headers = '/v1/metrics', OTLP

    def accepted(self, text):
        return text == ''  # no partial success

    def build(self, request):
        time_ms, points, samples = self.time_of(request), b'', []
        for number in range(SERIES):
            value = random_value(self.random)
            points += bytes_field(1, attribute(7, 'n', str(number)) + fixed64(3, time_ms * 1_000_000) + double_field(4, value))
            samples.append((labels_key('crash_otlp', job='crash', instance='otlp', n=str(number)), time_ms, text_of(value)))
        return otlp_request(bytes_field(1, 'crash_otlp') + bytes_field(5, points)), samples


class OtlpDeltas(Writer):
    """OTLP deltas: what is stored are running totals, which go on over every kill. None may be lost or counted twice, so each
    is sent until it is promised."""

    path, headers, may_doubt = '/v1/metrics', OTLP, False

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.totals = [0] * SERIES

    def accepted(self, _text):
        return True  # what was stored before its answer was lost is refused as told already

    def build(self, request):
        end_ms, points, samples = self.time_of(request), b'', []
        for number in range(SERIES):
            added = self.random.randrange(1, 1000)
            self.totals[number] += added
            points += bytes_field(1, attribute(7, 'n', str(number)) + fixed64(2, (end_ms - STEP_MS) * 1_000_000) +
                                  fixed64(3, end_ms * 1_000_000) + fixed64(6, added))
            samples.append((labels_key('crash_delta_total', job='crash', instance='otlp', n=str(number)), end_ms,
                            repr(float(self.totals[number]))))
        sums = points + int_field(2, DELTA) + int_field(3, 1)
        return otlp_request(bytes_field(1, 'crash_delta') + bytes_field(7, sums)), samples


WRITERS = {'remote write 1.0': WriteOne, 'remote write 2.0': WriteTwo, 'OTLP gauges': OtlpGauges, 'OTLP deltas': OtlpDeltas}


class Writers:
    def __init__(self, collector, seed):
        self.collector = collector
        self.writers = [kind(name, seed, collector.url) for name, kind in WRITERS.items()]

    def start(self):
        for writer in self.writers:
            writer.start()

    def stop(self):
        for writer in self.writers:
            writer.stopping.set()
        for writer in self.writers:
            writer.stop()

    def check(self, stored):
        """`stored` is everything the collector has, as remote_read.read_all() tells it."""
        for writer in self.writers:
            ours = {series: dict(map(tuple, samples)) for series, samples in stored.items() if series in _names(writer)}
            for series in ours:
                assert len(ours[series]) == len(stored[series]), f'{series}: a time is there twice'
            expected = {series: dict(samples) for series, samples in writer.promised.items()}
            taken = self._take_doubtful(writer, ours, expected)
            _compare(writer.name, expected, ours)
            count = sum(map(len, expected.values()))
            print(f'{writer.name}: {writer.requests} requests, {writer.answers_lost} answers lost, '
                  f'{len(writer.in_doubt)} left in doubt of which {taken} are there as a whole; {count} samples, '
                  f'sent {checksum(expected)} stored {checksum(ours)}', flush=True)

    @staticmethod
    def _take_doubtful(writer, ours, expected):
        """A request in doubt that is there at all is there as a whole."""
        taken = 0
        for samples in writer.in_doubt:
            there = sum(time_ms in ours.get(series, {}) for series, time_ms, _ in samples)
            assert there in (0, len(samples)), f'{writer.name}: {there} of {len(samples)} samples of one request: {samples[0]}'
            if there:
                taken += 1
                for series, time_ms, value in samples:
                    expected.setdefault(series, {})[time_ms] = value
        return taken


def _names(writer):
    names = set(writer.promised)
    for samples in writer.in_doubt:
        names.update(series for series, _, _ in samples)
    return names


def _compare(name, expected, ours):
    for series, samples in expected.items():
        got = ours.get(series, {})
        for time_ms in sorted(samples.keys() ^ got.keys()):
            what = 'is lost' if time_ms in samples else 'comes from nowhere'
            raise AssertionError(f'{name}: {series} at {time_ms} {what}: {samples.get(time_ms)} {got.get(time_ms)}')
        for time_ms, value in samples.items():
            assert got[time_ms] == value, f'{name}: {series} at {time_ms}: sent {value}, stored {got[time_ms]}'


def checksum(series):
    digest = hashlib.sha256()
    for labels in sorted(series):
        if not series[labels]:
            continue
        digest.update(labels.encode())
        for time_ms in sorted(series[labels]):
            digest.update(f'{time_ms} {json.dumps(series[labels][time_ms], sort_keys=True)}\n'.encode())
    return digest.hexdigest()[:16]

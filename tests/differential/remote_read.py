"""Remote read by hand: everything a server has in a range, to the bit. Standard library only."""

import json
import struct
import urllib.request

from remote_write import field, snappy, varint

READ_HEADERS = {"Content-Type": "application/x-protobuf", "Content-Encoding": "snappy",
                "X-Prometheus-Remote-Read-Version": "0.1.0"}
MATCH_REGEX = 2


def unsnappy(block):
    def size_at(at):
        size = shift = 0
        while True:
            byte = block[at]
            at += 1
            size |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return size, at

    size, at = size_at(0)
    out = bytearray()
    while at < len(block):
        tag = block[at]
        at += 1
        if tag & 3 == 0:
            length = tag >> 2
            if length >= 60:
                extra = length - 59
                length = int.from_bytes(block[at : at + extra], "little")
                at += extra
            out += block[at : at + length + 1]
            at += length + 1
            continue
        if tag & 3 == 1:
            length, offset = (tag >> 2 & 7) + 4, (tag >> 5) << 8 | block[at]
            at += 1
        else:
            extra = 2 if tag & 3 == 2 else 4
            length, offset = (tag >> 2) + 1, int.from_bytes(block[at : at + extra], "little")
            at += extra
        for _ in range(length):
            out.append(out[-offset])
    if len(out) != size:
        raise ValueError("not a snappy block")
    return bytes(out)


def fields(message):
    """(number, value) of a protobuf message: integers, 8-byte strings, bytes."""
    at = 0

    def number():
        nonlocal at
        value = shift = 0
        while True:
            byte = message[at]
            at += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    while at < len(message):
        tag = number()
        kind = tag & 7
        if kind == 0:
            yield tag >> 3, number()
        elif kind == 1:
            at += 8
            yield tag >> 3, message[at - 8 : at]
        else:
            size = number()
            at += size
            yield tag >> 3, message[at - size : at]


def varints(packed):
    return [value for _, value in fields(b"".join(b"\x08" + varint_bytes for varint_bytes in split_varints(packed)))]


def split_varints(packed):
    start = 0
    for at, byte in enumerate(packed):
        if byte < 0x80:
            yield packed[start : at + 1]
            start = at + 1


def zigzag(value):
    return value >> 1 ^ -(value & 1)


def signed(value):
    return value - (1 << 64) if value >> 63 else value


def double(eight):
    """As text that keeps every bit."""
    bits = struct.unpack("<Q", eight)[0]
    value = struct.unpack("<d", eight)[0]
    return f"nan:{bits:x}" if value != value else repr(value)


class Buckets:
    """Spans and counts (absolute, or told against the one before) as {index: count}, without the empty ones."""

    def __init__(self):
        self.spans, self.deltas, self.counts = [], [], []

    def absolute(self):
        counts = self.counts
        if self.deltas:
            counts, last = [], 0
            for delta in self.deltas:
                last += delta
                counts.append(float(last))
        out, index, next_count = {}, 0, 0
        for offset, length in self.spans:
            index += offset
            for _ in range(length):
                if counts[next_count] != 0:
                    out[str(index)] = counts[next_count]
                index += 1
                next_count += 1
        return out


def histogram(message):
    positive, negative = Buckets(), Buckets()
    out = {"schema": 0, "count": 0.0, "sum": "0.0", "zero_threshold": "0.0", "zero_count": 0.0, "bounds": []}
    time_ms = 0
    for number, value in fields(message):
        side = negative if number in (8, 9, 10) else positive
        if number in (1, 6):
            out["count" if number == 1 else "zero_count"] = float(value)
        elif number in (2, 7):
            out["count" if number == 2 else "zero_count"] = struct.unpack("<d", value)[0]
        elif number in (3, 5):
            out["sum" if number == 3 else "zero_threshold"] = double(value)
        elif number == 4:
            out["schema"] = zigzag(value)
        elif number in (8, 11):
            span = dict(fields(value))
            side.spans.append((zigzag(span.get(1, 0)), span.get(2, 0)))
        elif number in (9, 12):
            side.deltas += [zigzag(each) for each in varints(value)]
        elif number in (10, 13):
            side.counts += [each[0] for each in struct.iter_unpack("<d", value)]
        elif number == 15:
            time_ms = signed(value)
        elif number == 16:
            out["bounds"] += [each[0] for each in struct.iter_unpack("<d", value)]
    return [time_ms, {**out, "positive": positive.absolute(), "negative": negative.absolute()}]


def series(message):
    labels, samples = {}, []
    for number, value in fields(message):
        if number == 1:
            parts = dict(fields(value))
            labels[parts[1].decode()] = parts.get(2, b"").decode()
        elif number == 2:
            parts = dict(fields(value))
            samples.append([signed(parts.get(2, 0)), double(parts.get(1, bytes(8)))])
        elif number == 4:
            samples.append(histogram(value))
    return json.dumps(labels, sort_keys=True), sorted(samples, key=lambda sample: sample[0])


def read_all(base_url, start_ms, end_ms):
    """{labels as JSON: [[time, value or histogram]]}, stale markers included."""
    matcher = b"\x08" + varint(MATCH_REGEX) + field(2, "__name__") + field(3, ".+")
    query = b"\x08" + varint(start_ms) + b"\x10" + varint(end_ms) + field(3, matcher)
    request = urllib.request.Request(base_url + "/api/v1/read", data=snappy(field(1, query)), method="POST",
                                     headers=READ_HEADERS)
    with urllib.request.urlopen(request, timeout=60) as answer:
        response = unsnappy(answer.read())
    out = {}
    for _, result in fields(response):
        for _, message in fields(result):
            labels, samples = series(message)
            out.setdefault(labels, []).extend(samples)
    return out

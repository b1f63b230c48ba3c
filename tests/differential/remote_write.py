"""Remote write 1.0 by hand: protobuf and snappy's literal elements, nothing but the standard library.

Deliberately independent of the code under test.
"""

import struct
import urllib.error
import urllib.request


def varint(number):
    """Protobuf's base-128 integer; negative numbers as 64-bit two's complement."""
    number &= (1 << 64) - 1
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def field(number, content):
    """A length-delimited protobuf field."""
    if isinstance(content, str):
        content = content.encode()
    return varint(number << 3 | 2) + varint(len(content)) + content


def sample(time_ms, value):
    return field(2, b"\x09" + struct.pack("<d", value) + b"\x10" + varint(time_ms))


def sample_bits(time_ms, bits):
    """A sample whose value has exactly these bits (stale markers, NaNs with a payload)."""
    return field(2, b"\x09" + struct.pack("<Q", bits) + b"\x10" + varint(time_ms))


STALE_BITS = 0x7FF0000000000002


def zigzag(number):
    """Protobuf's sint: small numbers of either sign take few bytes."""
    return varint(number << 1 if number >= 0 else (-number << 1) - 1)


def double(number, value):
    return varint(number << 3 | 1) + struct.pack("<d", value)


def packed(number, content):
    return field(number, content) if content else b""


def buckets(counts, spans_field, is_float):
    """One side of a native histogram: {index: count} as spans and counts (floats) or deltas (integers)."""
    spans, values, end, last = b"", b"", 0, 0
    indexes = sorted(counts)
    for at, index in enumerate(indexes):
        if at == 0 or index != indexes[at - 1] + 1:
            length = 1
            while at + length < len(indexes) and indexes[at + length] == index + length:
                length += 1
            spans += field(spans_field, b"\x08" + zigzag(index - end) + b"\x10" + varint(length))
            end = index + length
        count = counts[index]
        values += struct.pack("<d", count) if is_float else zigzag(count - last)
        last = count
    return spans + packed(spans_field + (2 if is_float else 1), values)


def histogram(time_ms, native):
    """`native`: a mapping with count, sum, schema, zero_threshold, zero, positive, negative, bounds, hint;
    integers or floats, as `count` is. A sum of None makes the histogram a stale marker."""
    is_float = isinstance(native["count"], float)
    if is_float:
        out = double(2, native["count"])
        zero = double(7, native["zero"])
    else:
        out = b"\x08" + varint(native["count"])
        zero = b"\x30" + varint(native["zero"])
    stale = native["sum"] is None
    out += b"\x19" + (struct.pack("<Q", STALE_BITS) if stale else struct.pack("<d", native["sum"]))
    out += b"\x20" + zigzag(native["schema"]) + double(5, native["zero_threshold"]) + zero
    out += buckets(native["negative"], 8, is_float) + buckets(native["positive"], 11, is_float)
    out += b"\x70" + varint(native["hint"]) + b"\x78" + varint(time_ms)
    out += packed(16, b"".join(struct.pack("<d", bound) for bound in native["bounds"]))
    return field(4, out)


def series(labels, samples):
    """samples: [(time_ms, value)]; value None is the stale marker, a mapping a native histogram."""
    out = b"".join(field(1, field(1, k) + field(2, v)) for k, v in sorted(labels.items()))
    for time_ms, value in samples:
        if isinstance(value, dict):
            out += histogram(time_ms, value)
        else:
            out += sample_bits(time_ms, STALE_BITS) if value is None else sample(time_ms, value)
    return field(1, out)


def metadata(family, kind, help_text):
    kinds = {"unknown": 0, "counter": 1, "gauge": 2, "histogram": 3, "summary": 5}
    return field(3, b"\x08" + varint(kinds[kind]) + field(2, family) + field(4, help_text))


def snappy(raw):
    """A valid snappy block that holds `raw` in literals."""
    out = varint(len(raw))
    for at in range(0, len(raw), 65536):
        part = raw[at : at + 65536]
        out += b"\xf4" + struct.pack("<H", len(part) - 1) + part
    return out


def post(url, body, headers=None, timeout=60):
    """(status, text) of a POST; HTTP errors are answers, too."""
    request = urllib.request.Request(url, data=body, method="POST")
    for name, value in (headers or {}).items():
        request.add_header(name, value)
    try:
        with urllib.request.urlopen(request, timeout=timeout) as answer:
            return answer.status, answer.read().decode(errors="replace")
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode(errors="replace")


WRITE_HEADERS = {
    "Content-Type": "application/x-protobuf",
    "Content-Encoding": "snappy",
    "X-Prometheus-Remote-Write-Version": "0.1.0",
}


def write(base_url, protobuf):
    return post(base_url + "/api/v1/write", snappy(protobuf), WRITE_HEADERS)

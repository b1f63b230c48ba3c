"""OTLP metrics by hand: protobuf and OTLP/JSON, nothing but the standard library.

Deliberately independent of the code under test. A request is built as plain dictionaries in the names of
OTLP/JSON (`to_json` sends them as they are); `to_protobuf` encodes the same by the published field numbers.
"""

import base64
import json
import struct

from remote_write import post, varint

DELTA, CUMULATIVE = 1, 2

# message: {JSON name: (field number, kind)}; kind is a scalar's encoding or the name of a message; a list is repeated.
MESSAGES = {
    "Request": {"resourceMetrics": (1, ["ResourceMetrics"])},
    "ResourceMetrics": {"resource": (1, "Resource"), "scopeMetrics": (2, ["ScopeMetrics"]), "schemaUrl": (3, "string")},
    "Resource": {"attributes": (1, ["KeyValue"])},
    "ScopeMetrics": {"scope": (1, "Scope"), "metrics": (2, ["Metric"]), "schemaUrl": (3, "string")},
    "Scope": {"name": (1, "string"), "version": (2, "string"), "attributes": (3, ["KeyValue"])},
    "KeyValue": {"key": (1, "string"), "value": (2, "AnyValue")},
    "AnyValue": {"stringValue": (1, "string"), "boolValue": (2, "varint"), "intValue": (3, "varint"),
                 "doubleValue": (4, "double"), "arrayValue": (5, "ArrayValue"), "kvlistValue": (6, "KeyValueList"),
                 "bytesValue": (7, "base64")},
    "ArrayValue": {"values": (1, ["AnyValue"])},
    "KeyValueList": {"values": (1, ["KeyValue"])},
    "Metric": {"name": (1, "string"), "description": (2, "string"), "unit": (3, "string"), "gauge": (5, "Gauge"),
               "sum": (7, "Sum"), "histogram": (9, "Histogram"), "exponentialHistogram": (10, "Exponential"),
               "summary": (11, "Summary")},
    "Gauge": {"dataPoints": (1, ["Number"])},
    "Sum": {"dataPoints": (1, ["Number"]), "aggregationTemporality": (2, "varint"), "isMonotonic": (3, "varint")},
    "Histogram": {"dataPoints": (1, ["HistogramPoint"]), "aggregationTemporality": (2, "varint")},
    "Exponential": {"dataPoints": (1, ["ExponentialPoint"]), "aggregationTemporality": (2, "varint")},
    "Summary": {"dataPoints": (1, ["SummaryPoint"])},
    "Number": {"attributes": (7, ["KeyValue"]), "startTimeUnixNano": (2, "fixed"), "timeUnixNano": (3, "fixed"),
               "asDouble": (4, "double"), "asInt": (6, "fixed"), "exemplars": (5, ["Exemplar"]), "flags": (8, "varint")},
    "HistogramPoint": {"attributes": (9, ["KeyValue"]), "startTimeUnixNano": (2, "fixed"), "timeUnixNano": (3, "fixed"),
                       "count": (4, "fixed"), "sum": (5, "double"), "bucketCounts": (6, ["fixed"]),
                       "explicitBounds": (7, ["double"]), "exemplars": (8, ["Exemplar"]), "flags": (10, "varint"),
                       "min": (11, "double"), "max": (12, "double")},
    "ExponentialPoint": {"attributes": (1, ["KeyValue"]), "startTimeUnixNano": (2, "fixed"),
                         "timeUnixNano": (3, "fixed"), "count": (4, "fixed"), "sum": (5, "double"),
                         "scale": (6, "zigzag"), "zeroCount": (7, "fixed"), "positive": (8, "Buckets"),
                         "negative": (9, "Buckets"), "flags": (10, "varint"), "exemplars": (11, ["Exemplar"]),
                         "zeroThreshold": (14, "double")},
    "Buckets": {"offset": (1, "zigzag"), "bucketCounts": (2, ["varint"])},
    "SummaryPoint": {"attributes": (7, ["KeyValue"]), "startTimeUnixNano": (2, "fixed"), "timeUnixNano": (3, "fixed"),
                     "count": (4, "fixed"), "sum": (5, "double"), "quantileValues": (6, ["Quantile"]),
                     "flags": (8, "varint")},
    "Quantile": {"quantile": (1, "double"), "value": (2, "double")},
    "Exemplar": {"filteredAttributes": (7, ["KeyValue"]), "timeUnixNano": (2, "fixed"), "asDouble": (3, "double"),
                 "asInt": (6, "fixed"), "spanId": (4, "hex"), "traceId": (5, "hex")},
}
WIRE_TYPES = {"varint": 0, "zigzag": 0, "fixed": 1, "double": 1}


def scalar(kind, value):
    if kind == "varint":
        return varint(int(value))
    if kind == "zigzag":
        return varint(value << 1 ^ value >> 63)
    if kind == "fixed":
        return struct.pack("<Q", int(value) & (1 << 64) - 1)
    if kind == "double":
        return struct.pack("<d", float(value))
    if kind == "base64":
        return base64.b64decode(value)
    if kind == "hex":
        return bytes.fromhex(value)
    return value if isinstance(value, bytes) else value.encode()


def sized(number, content):
    return varint(number << 3 | 2) + varint(len(content)) + content


def one(number, kind, value):
    if kind in MESSAGES:
        return sized(number, encode(kind, value))
    if kind in WIRE_TYPES:
        return varint(number << 3 | WIRE_TYPES[kind]) + scalar(kind, value)
    return sized(number, scalar(kind, value))


def encode(message, content):
    out = b""
    for name, value in content.items():
        number, kind = MESSAGES[message][name]
        if not isinstance(kind, list):
            out += one(number, kind, value)
        elif kind[0] in WIRE_TYPES:
            out += sized(number, b"".join(scalar(kind[0], each) for each in value))
        else:
            out += b"".join(one(number, kind[0], each) for each in value)
    return out


def to_protobuf(request):
    return encode("Request", request)


def to_json(request):
    return json.dumps(request).encode()


def any_value(value):
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)}
    if isinstance(value, float) or value in ("Infinity", "NaN"):  # as OTLP/JSON writes them
        return {"doubleValue": value}
    if isinstance(value, (bytes, bytearray)):
        return {"bytesValue": base64.b64encode(value).decode()}
    if isinstance(value, list):
        return {"arrayValue": {"values": [any_value(each) for each in value]}}
    if isinstance(value, dict):
        return {"kvlistValue": {"values": attributes(value)}}
    return {} if value is None else {"stringValue": value}


def attributes(values):
    return [{"key": key, "value": any_value(value)} for key, value in values.items()]


def point(time_ms, value=None, labels=None, start_ms=0, **extra):
    """A number's data point; other kinds give no value and their fields as `extra`."""
    out = {"attributes": attributes(labels or {}), "timeUnixNano": str(time_ms * 1_000_000)}
    if start_ms:
        out["startTimeUnixNano"] = str(start_ms * 1_000_000)
    if isinstance(value, int):
        out["asInt"] = str(value)
    elif value is not None:
        out["asDouble"] = value
    return {**out, **extra}


def gauge(name, points, unit=""):
    return {"name": name, "unit": unit, "gauge": {"dataPoints": points}}


def counter(name, points, unit="", monotonic=True, temporality=CUMULATIVE):
    return {"name": name, "unit": unit, "sum": {"dataPoints": points, "aggregationTemporality": temporality,
                                                "isMonotonic": monotonic}}


def histogram(name, points, unit="", temporality=CUMULATIVE):
    return {"name": name, "unit": unit, "histogram": {"dataPoints": points, "aggregationTemporality": temporality}}


def exponential(name, points, unit="", temporality=CUMULATIVE):
    return {"name": name, "unit": unit,
            "exponentialHistogram": {"dataPoints": points, "aggregationTemporality": temporality}}


def summary(name, points, unit=""):
    return {"name": name, "unit": unit, "summary": {"dataPoints": points}}


def resource(labels, metrics, scope=None, schema_url=""):
    return {"resource": {"attributes": attributes(labels)},
            "scopeMetrics": [{"scope": scope or {}, "schemaUrl": schema_url, "metrics": metrics}]}


def request(*resources):
    return {"resourceMetrics": list(resources)}


PATH = "/api/v1/otlp/v1/metrics"


def send(base_url, content, as_json=False, path=PATH):
    """(status, text) of a POST."""
    kind, body = ("json", to_json(content)) if as_json else ("x-protobuf", to_protobuf(content))
    return post(base_url + path, body, {"Content-Type": "application/" + kind})

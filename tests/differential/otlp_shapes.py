"""OTLP requests of every kind of point, name and attribute that senders come up with."""

import random

import otlp

NAMES = ["http.server.duration", "requests", "requests_total", "system.cpu.utilization", "a..b__c", "1st.metric",
         "größe", "café.total", "foo/bar", "jvm.memory.used_bytes", "up:time", "trailing_", "_leading", "ratio",
         "disk.io.time.seconds", "x.per_second", "日本.x", "a_ratio_b", "total", "seconds", "UPPER.Case", "with space",
         "per.request.total.count", "bytes", "temperature.Cel"]
UNITS = ["", "1", "s", "ms", "By", "KiBy", "By/s", "{request}", "{request}/s", "1/s", "%", "m/s", "Cel", "foo",
         "foo/bar", " s ", "s/", "/s", "MBy", "V", "d", "min", "weird unit!", "_x_", "a//b", "g/m", "By/{op}",
         "__", "é", "/__", "h/mo", "W"]
KEYS = ["http.method", "http_method", "code", "1st", "_private", "__reserved", "__name", "größe", "a b", "a.b.c", "UP",
        "job", "instance", "x-y", "x_y", "x.y", "host.name", "service.name", "日本x", "_", "a__b", "dot.", "é"]
VALUES = ["GET", "", "/path/{id}", True, False, 7, -3, 2**60, 1.5, 1e21, 1e-7, 100.0, 123456789012345680000.0,
          [1, "two", None, 3.5], {"b": 1, "a": [True, "<&>"], "c": {"x": "\"q\"\n\t\\ é\u2028\x01"}}, b"\x00\xff bytes",
          None, "ünïcode", 0.1, 5e-324, [], {}, "a;b", "Infinity", "NaN", [1e22, -0.0, 1e-9]]


def names_and_units(times):
    """Every name in every unit, as gauge, counter and sum that may fall."""
    metrics = []
    for name in NAMES:
        for unit in UNITS:
            index = len(metrics)
            points = [otlp.point(t, index + i / 7, {"unit": unit, "name": name}) for i, t in enumerate(times)]
            metrics.append(otlp.gauge(name, points, unit))
            points = [otlp.point(t, index + i, {"unit": unit, "name": name, "kind": "c"}) for i, t in enumerate(times)]
            metrics.append(otlp.counter(name, points, unit))
            points = [otlp.point(t, index - i, {"unit": unit, "name": name, "kind": "u"}) for i, t in enumerate(times)]
            metrics.append(otlp.counter(name, points, unit, monotonic=False))
    return otlp.request(otlp.resource({"service.name": "names"}, metrics))


def attributes(times, seed):
    """Keys that fall together, values of every type."""
    chance = random.Random(seed)
    metrics = []
    for index in range(300):
        labels = {"n": index}
        for key in chance.sample(KEYS, chance.randint(0, 8)):
            labels[key] = chance.choice(VALUES)
        metrics.append(otlp.gauge("attributes", [otlp.point(t, index + i, labels) for i, t in enumerate(times)]))
    return otlp.request(otlp.resource({"service.name": "attributes"}, metrics))


RESOURCES = [
    {},
    {"service.name": "only-name"},
    {"service.name": "n", "service.namespace": "ns", "service.instance.id": "i-1"},
    {"service.name": "n", "service.namespace": "ns", "service.instance.id": "i-2", "host.name": "h", "os.type": "linux"},
    {"service.instance.id": "i-3", "host.name": "no service"},
    {"host.name": "no identity", "k8s.pod.name": "p"},
    {"service.namespace": "namespace only", "host.name": "h"},
    {"service.name": "typed", "process.pid": 17, "process.args": ["a", "b"], "up": True, "load": 0.25},
    {"service.name": "falls together", "a.b": "1", "a_b": "2", "a-b": "3"},
    {"service.name": "", "service.instance.id": "", "host.name": "empty identity"},
    {"service.name": "clash", "job": "own job", "instance": "own instance", "deployment.environment": "prod"},
    {"service.name": 5, "service.instance.id": 1.5, "host.name": "numbers"},
]
SCOPES = [
    {},
    {"name": "scope", "version": "1.2.3", "attributes": otlp.attributes({"scope.attr": "v", "n": 1})},
    {"name": "other", "attributes": otlp.attributes({"http.method": "of the scope"})},
    {"version": "nameless"},
]


def resources(times):
    out = []
    for number, labels in enumerate(RESOURCES):
        points = [otlp.point(t, number + i, {"r": number, "host.name": "of the point"} if number % 2 else {"r": number})
                  for i, t in enumerate(times)]
        out.append(otlp.resource(labels, [otlp.gauge("of.resource", points)], SCOPES[number % len(SCOPES)],
                                 "https://opentelemetry.io/schemas/1.26.0" if number % 3 == 0 else ""))
    # Far apart: target_info is told between, too.
    for number, gap_ms in enumerate((1, 149_999, 150_000, 400_000, 1_000_001)):
        points = [otlp.point(times[0], 1.0, {"gap": number}), otlp.point(times[0] + gap_ms, 2.0, {"gap": number})]
        out.append(otlp.resource({"service.name": f"gap {gap_ms}", "host.name": "h"}, [otlp.gauge("gap", points)]))
    return otlp.request(*out)


BOUNDS = [
    [],
    [0, 5, 10, 25, 50, 75, 100, 250, 500, 1000],
    [0.005, 0.01, 0.025, 0.1, 0.25, 1, 2.5, 10],
    [1e-9, 1e-7, 0.1 + 0.2, 1e6, 1e20, 1e21, 1e23, 1.7e308],
    [-10, -0.5, 0, 3.3333333333333335],
]


def histograms(times, seed, full=False):
    """`full`: only what has a bucket for every observation."""
    chance = random.Random(seed)
    metrics = []
    for number, bounds in enumerate(BOUNDS):
        counts = [0] * (len(bounds) + 1)
        points = []
        for t in times:
            counts = [count + chance.randint(0, 5) for count in counts]
            extra = {"count": str(sum(counts)), "bucketCounts": [str(c) for c in counts], "explicitBounds": bounds}
            if number != 2:
                extra["sum"] = sum(counts) * 1.25
            points.append(otlp.point(t, labels={"b": number, "http.method": "GET"}, **extra))
        metrics.append(otlp.histogram("request.duration", points, "s"))
    if full:
        return otlp.request(otlp.resource({"service.name": "histograms"}, metrics))
    nothing = [otlp.point(t, labels={"b": "none"}, count="3", sum=4.5) for t in times]
    metrics.append(otlp.histogram("request.duration", nothing, "ms"))
    return otlp.request(otlp.resource({"service.name": "histograms", "host.name": "h"}, metrics))


def summaries(times):
    metrics = []
    for number, quantiles in enumerate(([], [0, 0.5, 0.9, 0.99, 0.999, 1], [0.1 + 0.2])):
        points = [otlp.point(t, labels={"q": number}, count=str(10 * i), sum=2.5 * i,
                             quantileValues=[{"quantile": q, "value": q * i} for q in quantiles])
                  for i, t in enumerate(times)]
        metrics.append(otlp.summary("rpc.latency", points, "s"))
    return otlp.request(otlp.resource({"service.name": "summaries"}, metrics))


def no_recorded_value(times):
    """A series that ends."""
    end = {"flags": 1}
    metrics = [
        otlp.gauge("ends", [otlp.point(times[0], 1.0), otlp.point(times[1], **end)]),
        otlp.counter("ends", [otlp.point(times[0], 1), otlp.point(times[1], **end)]),
        otlp.histogram("ends.h", [otlp.point(times[0], count="1", sum=1.0, bucketCounts=["1", "0"], explicitBounds=[1]),
                                  otlp.point(times[1], count="1", sum=1.0, bucketCounts=["1", "0"],
                                             explicitBounds=[1], **end)]),
        otlp.summary("ends.s", [otlp.point(times[0], count="1", sum=1.0), otlp.point(times[1], count="1", sum=1.0, **end)]),
        otlp.gauge("valueless", [otlp.point(times[0])]),
    ]
    return otlp.request(otlp.resource({"service.name": "ends"}, metrics))


def exponentials(times, seed):
    chance = random.Random(seed)
    metrics = []
    for number, scale in enumerate((-4, -1, 0, 3, 8, 9, 12, 20)):
        for offset in (-1000, -7, 0, 3, 2000):
            # Merging buckets, Prometheus puts what follows an empty one into the bucket before it: none is empty.
            least = 1 if scale > 8 else 0
            positive, negative, zero = [least] * 40, [least] * 9, 0
            points = []
            for t in times:
                positive = [c + (chance.randint(0, 4) if chance.random() < 0.4 else 0) for c in positive]
                negative = [c + (1 if chance.random() < 0.2 else 0) for c in negative]
                zero += chance.randint(0, 2)
                extra = {"count": str(sum(positive) + sum(negative) + zero), "sum": sum(positive) * 0.75, "scale": scale,
                         "zeroCount": str(zero), "positive": {"offset": offset, "bucketCounts": [str(c) for c in positive]}}
                if number % 2:
                    extra["negative"] = {"offset": offset + 3, "bucketCounts": [str(c) for c in negative]}
                else:
                    extra["count"] = str(sum(positive) + zero)
                points.append(otlp.point(t, labels={"scale": scale, "offset": offset}, **extra))
            metrics.append(otlp.exponential("exp.latency", points, "s"))
    return otlp.request(otlp.resource({"service.name": "exponentials"}, metrics))


def all_requests(times, seed):
    return {
        "names_and_units": names_and_units(times),
        "attributes": attributes(times, seed),
        "resources": resources(times),
        "histograms": histograms(times, seed),
        "summaries": summaries(times),
        "no_recorded_value": no_recorded_value(times),
        "exponentials": exponentials(times, seed),
    }

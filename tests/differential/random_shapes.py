"""The samples under random expressions: small enough to be asked thousands of times, odd enough to matter.

Counters with resets, gauges, NaN and infinities, gaps, stale markers, irregular and equal times, classic histograms
(broken ones, too), native histograms (exponential and custom buckets, integers and floats, gauges, resets, changes of
schema), floats and histograms in one series, info metrics, churn, names that are keywords or not ASCII.
"""

import math
import random

START_MS = 1_700_000_000_000
STEP_MS = 15_000
ROWS = 100  # 25 minutes
END_MS = START_MS + ROWS * STEP_MS
CUSTOM_SCHEMA = -53

UNKNOWN, RESET, NO_RESET, GAUGE = range(4)


def grid(offset_ms=0, step_ms=STEP_MS, rows=ROWS):
    return [START_MS + offset_ms + row * step_ms for row in range(rows)]


def counters(rng):
    for place, instance in enumerate(("a:1", "b:2")):
        for method in ("GET", "POST"):
            for code in ("200", "500"):
                value, samples = float(rng.randrange(1000)), []
                for row, time_ms in enumerate(grid(offset_ms=place * 4321)):
                    value += rng.randrange(0, 40) * (1 if code == "200" else 0.25)
                    if row in ((30, 31, 70) if instance == "b:2" else (55,)):
                        value = 0.0 if row != 31 else 0.5
                    samples.append((time_ms, value))
                labels = {"job": "api", "instance": instance, "method": method, "code": code}
                yield {"__name__": "http_requests_total", **labels}, samples
        ups = [(t, 0.0 if 40 < i < 47 and place else 1.0) for i, t in enumerate(grid(offset_ms=place * 4321))]
        yield {"__name__": "up", "instance": instance, "job": "api"}, ups


def gauges(rng):
    for room, phase in (("kitchen", 0.0), ("cellar", 1.0), ("attic", 2.5)):
        wave = [(t, round(20 * math.sin(i / 17 + phase) + rng.random(), 3)) for i, t in enumerate(grid(7_123))]
        yield {"__name__": "temperature_celsius", "room": room, "job": "home"}, wave
    for instance in ("a:1", "b:2"):
        memory = [(t, float(8_000_000_000 + rng.randrange(10**9))) for t in grid()]
        yield {"__name__": "memory_bytes", "instance": instance, "job": "api"}, memory
        limit = [(t, float(rng.randrange(1, 5))) for t in grid()]
        yield {"__name__": "limit_requests", "instance": instance, "job": "api"}, limit


def holes(rng):
    for name, skip in (("long", range(20, 60)), ("short", range(40, 44))):
        yield {"__name__": "gappy", "hole": name}, [(t, float(i)) for i, t in enumerate(grid()) if i not in skip]
    jitter = [(t + rng.randrange(-7000, 7000), rng.random() * 10) for t in grid()]
    yield {"__name__": "gappy", "hole": "jitter"}, jitter
    yield {"__name__": "sparse", "every": "4m"}, [(t, t % 1000.0 + i) for i, t in enumerate(grid(123, 240_000, 7))]
    yield {"__name__": "sparse", "every": "once"}, [(START_MS + 600_123, 7.0)]


def stale():
    rows = grid()
    ends = [(t, float(i)) for i, t in enumerate(rows[:50])] + [(rows[50], None)]
    yield {"__name__": "staler", "kind": "ends"}, ends
    returns = [(t, None if i in (20, 60) or 20 < i < 35 else float(i)) for i, t in enumerate(rows)]
    yield {"__name__": "staler", "kind": "returns"}, returns
    yield {"__name__": "staler", "kind": "only"}, [(rows[30], None)]


def specials():
    values = {"nan": math.nan, "inf": math.inf, "ninf": -math.inf, "negzero": -0.0, "tiny": 5e-324,
              "huge": 1.7976931348623157e308, "third": 1 / 3, "whole": 2.0**60}
    for kind, value in values.items():
        yield {"__name__": "specials", "kind": kind}, [(t, value) for t in grid(step_ms=30_000, rows=40)]
    mixed = [(t, [1.0, math.nan, math.inf, -1.0, -0.0, 0.0][i % 6]) for i, t in enumerate(grid())]
    yield {"__name__": "specials", "kind": "mixed"}, mixed


def classic(rng):
    bounds = ["0.005", "0.01", "0.1", "0.5", "1", "5", "+Inf"]
    for instance in ("a:1", "b:2"):
        counts, total, rows = [0.0] * len(bounds), 0.0, []
        for row, time_ms in enumerate(grid(offset_ms=321)):
            if row == 60 and instance == "b:2":
                counts, total = [0.0] * len(bounds), 0.0
            for _ in range(rng.randrange(1, 9)):
                seconds = rng.lognormvariate(-2, 1.5)
                total += seconds
                for i, bound in enumerate(bounds):
                    counts[i] += seconds <= float(bound)
            rows.append((time_ms, list(counts), total))
        labels = {"job": "api", "instance": instance}
        for i, bound in enumerate(bounds):
            yield {"__name__": "latency_seconds_bucket", "le": bound, **labels}, [(t, c[i]) for t, c, _ in rows]
        yield {"__name__": "latency_seconds_count", **labels}, [(t, c[-1]) for t, c, _ in rows]
        yield {"__name__": "latency_seconds_sum", **labels}, [(t, s) for t, _, s in rows]


def broken():
    shapes = {
        "no_inf": {"1": 3.0, "2": 5.0},
        "shrinks": {"1": 5.0, "2": 3.0, "+Inf": 7.0},
        "shrinks_little": {"1": 1.0, "2": 1.0 - 1e-14, "+Inf": 1.0},
        "twice": {"1": 2.0, "1.0": 3.0, "+Inf": 9.0},
        "only_inf": {"+Inf": 4.0},
        "bad_bound": {"1": 2.0, "high": 3.0, "+Inf": 5.0},
        "negative": {"-1": 1.0, "0": 2.0, "+Inf": 4.0},
        "nan": {"1": math.nan, "+Inf": 4.0},
        "empty": {"1": 0.0, "+Inf": 0.0},
    }
    for kind, counts in shapes.items():
        for bound, count in counts.items():
            yield {"__name__": "broken_bucket", "kind": kind, "le": bound}, [(t, count * (1 + i)) for i, t in enumerate(grid())]
    yield {"__name__": "broken_bucket", "kind": "no_bound"}, [(t, 1.0) for t in grid()]


def native(count=0, total=0.0, schema=0, zero=0, positive=None, negative=None, bounds=(), hint=UNKNOWN, width=0.001):
    return {"count": count, "sum": total, "schema": schema, "zero_threshold": 0.0 if bounds else width, "zero": zero,
            "positive": positive or {}, "negative": negative or {}, "bounds": list(bounds), "hint": hint}


def as_floats(found):
    out = dict(found, count=float(found["count"]), zero=float(found["zero"]))
    for side in ("positive", "negative"):
        out[side] = {index: float(count) for index, count in found[side].items()}
    return out


STALE_HISTOGRAM = native(total=None)


def growing(rng, schema, bounds=(), negatives=False, resets=(), width=0.001, rows=ROWS):
    """A histogram that observes a few values per row."""
    found = native(schema=schema, bounds=bounds, width=width)
    out = []
    for row in range(rows):
        if row in resets:
            found = native(schema=schema, bounds=bounds, width=width)
        found = dict(found, positive=dict(found["positive"]), negative=dict(found["negative"]))
        for _ in range(rng.randrange(0, 5)):
            found["count"] += 1
            if bounds:
                index, value = rng.randrange(len(bounds) + 1), rng.random() * 10
            else:
                value = rng.lognormvariate(0, 2)
                index = math.ceil(math.log2(value) * 2.0**schema)
            found["sum"] += value
            if not bounds and rng.random() < 0.1:
                found["zero"] += 1
                continue
            side = "negative" if negatives and rng.random() < 0.4 else "positive"
            found[side][index] = found[side].get(index, 0) + 1
        out.append(found)
    return out


def in_time(values, offset_ms=0):
    return list(zip(grid(offset_ms), values))


def natives(rng):
    for instance, schema, resets in (("a:1", 0, (40,)), ("b:2", 3, (70, 71)), ("c:3", 1, ())):
        labels = {"instance": instance, "job": "api"}
        yield {"__name__": "native_seconds", **labels}, in_time(growing(rng, schema, resets=resets))
    for instance, bounds in (("a:1", (1.0, 2.0, 5.0)), ("b:2", (1.0, 5.0, 10.0)), ("c:3", (0.5, 7.0))):
        labels = {"instance": instance, "job": "api"}
        yield {"__name__": "custom_seconds", **labels}, in_time(growing(rng, CUSTOM_SCHEMA, bounds, resets=(50,)))
    both = growing(rng, 2, negatives=True, resets=(33,), width=0.01)
    yield {"__name__": "native_delta_total", "side": "both"}, in_time(both, 2_222)
    yield {"__name__": "native_delta_total", "side": "float"}, in_time([as_floats(h) for h in growing(rng, 0)], 2_222)


def native_oddities(rng):
    levels = [dict(h, hint=GAUGE) for h in growing(rng, 1, resets=(10, 25, 44, 60, 61))]
    yield {"__name__": "native_level", "kind": "integer"}, in_time(levels)
    yield {"__name__": "native_level", "kind": "float"}, in_time([as_floats(h) for h in levels])
    first, second = growing(rng, 3, rows=50), growing(rng, 0, rows=50)
    yield {"__name__": "native_odd", "kind": "schema"}, in_time(first + second)
    exponential, custom = growing(rng, 0, rows=50), growing(rng, CUSTOM_SCHEMA, (1.0, 2.0), rows=50)
    yield {"__name__": "native_odd", "kind": "to_custom"}, in_time(exponential + custom)
    first, second = growing(rng, CUSTOM_SCHEMA, (1.0, 2.0), rows=50), growing(rng, CUSTOM_SCHEMA, (1.0, 3.0), rows=50)
    yield {"__name__": "native_odd", "kind": "bounds"}, in_time(first + second)
    zero = [dict(h, zero_threshold=0.001 if i < 50 else 0.3) for i, h in enumerate(growing(rng, 0))]
    yield {"__name__": "native_odd", "kind": "zero"}, in_time(zero)
    with_nan = [dict(h, count=h["count"] + 2, sum=math.nan) for h in growing(rng, 0)]
    yield {"__name__": "native_odd", "kind": "nan"}, in_time(with_nan)
    yield {"__name__": "native_odd", "kind": "empty"}, in_time([native()] * ROWS)
    some = growing(rng, 0)
    gaps = [(t, STALE_HISTOGRAM if i in (30, 70) else h) for i, (t, h) in enumerate(in_time(some)) if not 30 < i < 50]
    yield {"__name__": "native_odd", "kind": "stale"}, gaps
    alternating = [(t, h if (i // 20) % 2 else float(i)) for i, (t, h) in enumerate(in_time(growing(rng, 0)))]
    yield {"__name__": "mixed", "kind": "in_time"}, alternating
    yield {"__name__": "mixed", "kind": "float"}, in_time([float(i) for i in range(ROWS)])
    yield {"__name__": "mixed", "kind": "native"}, in_time(growing(rng, 0))
    yield {"__name__": "both_seconds", "job": "api"}, in_time(growing(rng, 0))
    for bound, share in (("1", 0.5), ("+Inf", 1.0)):
        yield {"__name__": "both_seconds", "job": "api", "le": bound}, in_time([i * share for i in range(ROWS)])


def infos():
    for instance, version in (("a:1", "1.0"), ("b:2", "1.1"), ("c:3", "1.1")):
        labels = {"instance": instance, "job": "api"}
        yield {"__name__": "build_info", "version": version, **labels}, [(t, 1.0) for t in grid()]
        change = 50 if instance == "b:2" else ROWS
        old = [(t, 1.0) for t in grid()[:change]] + ([(grid()[change], None)] if change < ROWS else [])
        yield {"__name__": "target_info", "region": "eu", "kernel": "6.1", **labels}, old
        if change < ROWS:
            yield {"__name__": "target_info", "region": "us", "kernel": "6.2", **labels}, [(t, 1.0) for t in grid()[change:]]


def churn(rng):
    for pod in range(8):
        first = pod * 11
        rows = grid(offset_ms=pod * 1_111)[first : first + 25]
        samples = [(t, float(rng.randrange(100))) for t in rows] + [(rows[-1] + STEP_MS, None)]
        yield {"__name__": "pod_cpu_total", "pod": f"web-{pod}", "job": "kube"}, samples


def names():
    rows = grid()
    yield {"__name__": "my.metric", "dot.label": "x", "größe": "€"}, [(t, float(i)) for i, t in enumerate(rows)]
    yield {"__name__": "my.metric", "dot.label": "y y"}, [(t, -float(i)) for i, t in enumerate(rows)]
    for name, label in (("sum", "by"), ("offset", "on"), ("bool_metric", "bool"), ("fill", "offset")):
        yield {"__name__": name, label: "1", "group_left": "2"}, [(t, float(i % 7)) for i, t in enumerate(rows)]
    for kind, text in (("quote", 'say "hi"'), ("backslash", "C:\\temp\\"), ("newline", "a\nb"), ("emoji", "😀")):
        yield {"__name__": "odd", "kind": kind, "text": text}, [(t, float(len(text) + i)) for i, t in enumerate(rows)]


def all_series(seed=20231114):
    rng = random.Random(seed)
    parts = (counters(rng), gauges(rng), holes(rng), stale(), specials(), classic(rng), broken(), natives(rng),
             native_oddities(rng), infos(), churn(rng), names())
    found = [entry for part in parts for entry in part]
    return [(labels, sorted(dict(samples).items())) for labels, samples in found]

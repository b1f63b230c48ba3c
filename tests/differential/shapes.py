"""The samples both servers get: every shape that has ever told two engines apart.

Times are off the grid of the evaluations (…7.123 s), so that servers which disagree about whether a
window contains its own edge still agree here; `aligned` alone lies on the grid.
"""

import math
import random

START_MS = 1_700_000_000_000  # a whole minute would hide rounding: this is 20 s past one
STEP_MS = 15_000
ROWS = 240
OFF_GRID_MS = 7_123


def grid(offset_ms=OFF_GRID_MS, step_ms=STEP_MS, rows=ROWS):
    return [START_MS + offset_ms + row * step_ms for row in range(rows)]


def counters(rng):
    for instance in ("a:1", "b:2", "c:3"):
        for method in ("GET", "POST"):
            for code in ("200", "500"):
                value, samples = float(rng.randrange(1000)), []
                for row, time_ms in enumerate(grid()):
                    value += rng.randrange(0, 40) * (1 if code == "200" else 0.25)
                    if row in ((60, 150) if instance == "b:2" else (97,)):
                        value = 0.0  # a restart
                    samples.append((time_ms, value))
                labels = {"job": "api", "instance": instance, "method": method, "code": code}
                yield {"__name__": "http_requests_total", **labels}, samples


def gauges(rng):
    for room, phase in (("kitchen", 0.0), ("cellar", 1.0), ("attic", 2.5)):
        wave = [(t, 20 * math.sin(i / 17 + phase) + rng.random()) for i, t in enumerate(grid())]
        yield {"__name__": "temperature_celsius", "room": room, "job": "home"}, wave
    for instance in ("a:1", "b:2"):
        memory = [(t, float(8_000_000_000 + rng.randrange(10**9))) for t in grid()]
        yield {"__name__": "memory_bytes", "instance": instance, "job": "api"}, memory
        up = [(t, 0.0 if 80 < i < 90 and instance == "b:2" else 1.0) for i, t in enumerate(grid())]
        yield {"__name__": "up", "instance": instance, "job": "api"}, up
    yield {"__name__": "constant", "job": "home"}, [(t, 42.0) for t in grid()]


def holes(rng):
    for name, skip in (("long", range(50, 120)), ("short", range(100, 104)), ("tail", range(180, ROWS))):
        samples = [(t, float(i)) for i, t in enumerate(grid()) if i not in skip]
        yield {"__name__": "gappy", "hole": name}, samples
    jitter = [(t + rng.randrange(-5000, 5000), rng.random() * 10) for t in grid()]
    yield {"__name__": "gappy", "hole": "jitter"}, jitter
    yield {"__name__": "sparse", "every": "4m"}, [(t, t % 1000.0) for t in grid(step_ms=240_000, rows=15)]
    yield {"__name__": "sparse", "every": "once"}, [(START_MS + 1_800_123, 7.0)]


def stale():
    rows = grid()
    ends = [(t, float(i)) for i, t in enumerate(rows[:100])] + [(rows[100], None)]
    yield {"__name__": "staler", "kind": "ends"}, ends
    returns = [(t, None if i in (60, 130) else None if 60 < i < 80 else float(i)) for i, t in enumerate(rows)]
    yield {"__name__": "staler", "kind": "returns"}, returns
    yield {"__name__": "staler", "kind": "only"}, [(rows[50], None)]


def histograms(rng):
    bounds = ["0.005", "0.01", "0.1", "0.5", "1", "5", "+Inf"]
    for instance in ("a:1", "b:2"):
        counts, total, rows = [0.0] * len(bounds), 0.0, []
        for row, time_ms in enumerate(grid()):
            if row == 120 and instance == "b:2":
                counts, total = [0.0] * len(bounds), 0.0
            for _ in range(rng.randrange(1, 9)):
                seconds = rng.lognormvariate(-2, 1.5)
                total += seconds
                for i, bound in enumerate(bounds):
                    counts[i] += seconds <= float(bound)
            rows.append((time_ms, list(counts), total))
        labels = {"job": "api", "instance": instance}
        for i, bound in enumerate(bounds):
            samples = [(t, c[i]) for t, c, _ in rows]
            yield {"__name__": "latency_seconds_bucket", "le": bound, **labels}, samples
        yield {"__name__": "latency_seconds_count", **labels}, [(t, c[-1]) for t, c, _ in rows]
        yield {"__name__": "latency_seconds_sum", **labels}, [(t, s) for t, _, s in rows]


def specials():
    values = {
        "nan": math.nan,
        "inf": math.inf,
        "ninf": -math.inf,
        "negzero": -0.0,
        "tiny": 5e-324,
        "huge": 1.7976931348623157e308,
        "third": 1 / 3,
        "big_whole": 2.0**60,
    }
    for kind, value in values.items():
        yield {"__name__": "specials", "kind": kind}, [(t, value) for t in grid(rows=40)]
    mixed = [(t, [1.0, math.nan, math.inf, -1.0][i % 4]) for i, t in enumerate(grid())]
    yield {"__name__": "specials", "kind": "mixed"}, mixed


def odd_labels():
    odd = {
        "quote": 'say "hi"',
        "backslash": "C:\\temp\\",
        "newline": "two\nlines",
        "unicode": "größe €",
        "emoji": "😀",
        "empty_like": " ",
        "regex": "a.b|c*(d)",
        "html": "<a & b>",
        "long": "x" * 1000,
    }
    for kind, text in odd.items():
        labels = {"__name__": "odd", "_kind": kind, "text": text, "Upper": "U"}
        yield labels, [(t, float(len(text))) for t in grid(rows=60)]


def joins(rng):
    for instance, version in (("a:1", "1.0"), ("b:2", "1.1"), ("c:3", "1.1")):
        info = [(t, 1.0) for t in grid()]
        yield {"__name__": "build_info", "instance": instance, "version": version, "job": "api"}, info
        limit = [(t, float(rng.randrange(1, 1000))) for t in grid()]
        yield {"__name__": "limit_requests", "instance": instance, "job": "api"}, limit


def aligned():
    samples = [(t, float(i * i % 37)) for i, t in enumerate(grid(offset_ms=0))]
    yield {"__name__": "aligned", "job": "home"}, samples
    wave = [(t, 1e6 + 0.1 * i) for i, t in enumerate(grid(offset_ms=0))]
    yield {"__name__": "aligned_total", "job": "home"}, wave


def all_series(seed=20231114):
    rng = random.Random(seed)
    found = []
    for part in (counters(rng), gauges(rng), holes(rng), stale(), histograms(rng), specials(),
                 odd_labels(), joins(rng), aligned()):
        found.extend(part)
    # A sender's samples are in time order, and no time comes twice.
    return [(labels, sorted({t: v for t, v in samples}.items())) for labels, samples in found]


METADATA = [
    ("http_requests_total", "counter", "Requests by method and code."),
    ("temperature_celsius", "gauge", 'Air in the "room".'),
    ("latency_seconds", "histogram", "How long\nrequests took."),
]


def requests_in_time_order(all_of_it, slice_ms=120_000):
    """Runs of [(labels, samples)] that walk through time, as a scraping sender would."""
    first = min(samples[0][0] for _, samples in all_of_it)
    last = max(samples[-1][0] for _, samples in all_of_it)
    for begin in range(first, last + 1, slice_ms):
        part = []
        for labels, samples in all_of_it:
            inside = [s for s in samples if begin <= s[0] < begin + slice_ms]
            if inside:
                part.append((labels, inside))
        if part:
            yield part

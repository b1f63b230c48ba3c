"""Expositions for scrape_test.py: odd ones by hand, real ones captured, and random damage to both."""

import random

TEXT = "text/plain; version=0.0.4"
OPEN_METRICS = "application/openmetrics-text; version=1.0.0"
PROTOBUF = (
    "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited"
)

TEXT_BODIES = [
    "",
    "\n",
    " \n\t\n",
    "a 1",
    "a 1\n",
    "a 1\r\n",
    "a\t1\n",
    "  a   1  \n",
    "a 1 # comment\n",
    "a{} 1\n",
    "a{ } 1\n",
    "a{b=\"c\"} 1\n",
    "a{b=\"c\",} 1\n",
    "a{b=\"c\",,} 1\n",
    "a{,b=\"c\"} 1\n",
    "a {b=\"c\"} 1\n",
    "a{b = \"c\" , d=\"e\"} 1\n",
    "a{b=\"c\"}1\n",
    "a{b='c'} 1\n",
    "a{b=c} 1\n",
    "a{b=\"c} 1\n",
    "a{b=\"c\"d=\"e\"} 1\n",
    "a{b=\"c\" d=\"e\"} 1\n",
    "a{b=\"\"} 1\n",
    "a{b=\"\",c=\"d\"} 1\n",
    "a{b=\"1\",b=\"2\"} 1\n",
    "a{b=\"x\\\\y\"} 1\n",
    "a{b=\"x\\\"y\"} 1\n",
    "a{b=\"x\\ny\"} 1\n",
    "a{b=\"x\\ty\"} 1\n",
    "a{b=\"x\\\"} 1\n",
    "a{b=\"x\ny\"} 1\n",
    "a{le=\"1\"} 1\n",
    "# TYPE h histogram\nh_bucket{le=\"1\"} 1\nh_bucket{le=\"+Inf\"} 2\nh_sum 3\nh_count 2\n",
    "# TYPE h histogram\nh_bucket{le=\"1e3\"} 1\nh_bucket{le=\"+Inf\"} 2\nh_sum 3\nh_count 2\n",
    "# TYPE h histogram\nh_bucket{le=\"nope\"} 1\nh_sum 3\nh_count 2\n",
    "# TYPE s summary\ns{quantile=\"0.5\"} 1\ns{quantile=\"1\"} 2\ns_sum 3\ns_count 2\n",
    "# TYPE h gaugehistogram\nh_bucket{le=\"1\"} 1\n",
    "# TYPE a counter\n# TYPE a gauge\na 1\n",
    "# TYPE a nonsense\na 1\n",
    "# TYPE a\na 1\n",
    "# TYPE\na 1\n",
    "#TYPE a counter\na 1\n",
    "# HELP a\na 1\n",
    "# HELP a some \\n help \\\\ text \\\" x\na 1\n",
    "# UNIT a seconds\na 1\n",
    "# EOF\na 1\n",
    "# EOFX\n",
    "a 1\na 1\n",
    "a 1\na 2\n",
    "a NaN\nb +Inf\nc -Inf\nd Inf\n",
    "a nan\nb inf\nc -inf\nd Nan\ne infinity\n",
    "a +1\nb -1\nc 1.\nd .5\n",
    "a 1e3\nb 1E-3\nc 1e+3\nd 0e0\n",
    "a 0x10\n",
    "a 0b1\n",
    "a 1_000\n",
    "a 1e400\n",
    "a 1e-400\n",
    "a 4.9406564584124654e-324\nb 1.7976931348623157e308\n",
    "a 123456789012345678901234567890\n",
    "a 0.1000000000000000055511151231257827021181583404541015625\n",
    "a -0\n",
    "a --1\n",
    "a 1 2 3\n",
    "a 1 x\n",
    "a 1 1.5\n",
    "a 1 {now}\n",
    "a 1 {now}\na 2 {later}\n",
    "a 2 {later}\na 1 {now}\n",
    "a 1 99999999999999999999\n",
    "a 1  {now}  \n",
    "1a 1\n",
    ":a 1\n",
    "a:b 1\n",
    "a.b 1\n",
    "a-b 1\n",
    "ä 1\n",
    "{} 1\n",
    "{a=\"b\"} 1\n",
    "{__name__=\"a\"} 1\n",
    "a{__name__=\"b\"} 1\n",
    "{\"a.b\"} 1\n",
    "{\"a.b\",c=\"d\"} 1\n",
    "{c=\"d\",\"a.b\"} 1\n",
    "{\"a\",\"b\"} 1\n",
    "a{\"b.c\"=\"d\"} 1\n",
    "{\"\"} 1\n",
    "{\"a\\\"b\"} 1\n",
    "{\"a\\\\b\"} 1\n",
    "# TYPE \"a.b\" counter\n{\"a.b\"} 1\n",
    "# HELP \"a.b\" x\n{\"a.b\"} 1\n",
    "# HELP \"a.b x\n{\"a.b\"} 1\n",
    "a{9=\"b\"} 1\n",
    "a{b:c=\"d\"} 1\n",
    "a{b-c=\"d\"} 1\n",
    "a{b=\"\xff\"} 1\n",
    "a{b=\"ünïcödé ☃\"} 1\n",
    "a 1\nb\n",
    "a 1\nb \nc 1\n",
    "a 1\n\n\nb 2\n#\n# \n#comment\nc 3",
    "a{b=\"c\"} 1\na{b=\"d\"} 2\na{b=\"c\"} 3\n",
    "a{instance=\"x\",job=\"y\"} 1\n",
    "a{exported_job=\"x\",job=\"y\"} 1\n",
    "up 7\n",
    "scrape_samples_scraped 7\n",
    "a" * 5000 + " 1\n",
    "a{b=\"" + "x" * 5000 + "\"} 1\n",
    "".join(f"m{i} {i}\n" for i in range(3000)),
]

OPEN_METRICS_BODIES = [
    "",
    "# EOF",
    "# EOF\n",
    "# EOF\n\n",
    "a 1\n# EOF\n",
    "a 1\n",
    "a 1\n# EOF\nb 1\n",
    "\na 1\n# EOF\n",
    "a  1\n# EOF\n",
    "a 1 \n# EOF\n",
    " a 1\n# EOF\n",
    "# TYPE a counter\na_total 1\n# EOF\n",
    "# TYPE a counter\na_total 1\na_created 123\n# EOF\n",
    "# TYPE a counter\na 1\n# EOF\n",
    "# TYPE a unknown\na 1\n# EOF\n",
    "# TYPE a untyped\na 1\n# EOF\n",
    "# TYPE a info\na_info{v=\"1\"} 1\n# EOF\n",
    "# TYPE a stateset\na{a=\"x\"} 1\na{a=\"y\"} 0\n# EOF\n",
    "# TYPE g gaugehistogram\ng_bucket{le=\"1\"} 1\ng_gcount 1\ng_gsum 1\n# EOF\n",
    "# TYPE a_seconds gauge\n# UNIT a_seconds seconds\na_seconds 1\n# EOF\n",
    "# TYPE a gauge\n# UNIT a seconds\na 1\n# EOF\n",
    "# HELP a x\\\"y\\n\na 1\n# EOF\n",
    "# comment\na 1\n# EOF\n",
    "#\na 1\n# EOF\n",
    "a 1 {now_s}\n# EOF\n",
    "a 1 {now_s}.123\n# EOF\n",
    "a 1 {now_s}.9999\n# EOF\n",
    "a 1 NaN\n# EOF\n",
    "a 1 Inf\n# EOF\n",
    "a 1 # {trace=\"x\"} 2\n# EOF\n",
    "a_total 1 # {trace=\"x\"} 2\n# EOF\n",
    "a_total 1 {now_s} # {trace=\"x\"} 2 {now_s}\n# EOF\n",
    "a_total 1 # {} 2\n# EOF\n",
    "a_total 1 # {trace=\"x\",trace=\"y\"} 2\n# EOF\n",
    "a_total 1 # {trace=\"x\"}\n# EOF\n",
    "a_total 1 # {trace=\"x\"} y\n# EOF\n",
    "a_total 1 #{trace=\"x\"} 2\n# EOF\n",
    "a_total 1 # {trace=\"" + "x" * 200 + "\"} 2\n# EOF\n",
    "# TYPE h histogram\nh_bucket{le=\"1\"} 1 # {t=\"a\"} 0.5\nh_bucket{le=\"+Inf\"} 2\nh_sum 1\nh_count 2\n# EOF\n",
    "a{b=\"x\ny\"} 1\n# EOF\n",
    "a{b = \"c\"} 1\n# EOF\n",
    "a{b=\"c\",} 1\n# EOF\n",
    "a{b=\"c\"}1\n# EOF\n",
    "{\"a.b\",c=\"d\"} 1\n# EOF\n",
    "# TYPE \"a.b\" counter\n{\"a.b_total\"} 1\n# EOF\n",
]

CONTENT_TYPES = [
    TEXT,
    "text/plain",
    "text/plain; version=1.0.0; escaping=allow-utf-8",
    "TEXT/PLAIN",
    "text/plain; charset=utf-8",
    "text/plain;",
    "text/html",
    "application/json",
    "",
    "nonsense",
    "text/plain; version",
    "text/plain; =x",
]


def odd_cases(now_ms):
    """[(name, content type, body)]"""

    def at(text):
        later = str(now_ms + 1000)
        text = text.replace("{now_s}", str(now_ms // 1000)).replace("{now}", str(now_ms))
        return text.replace("{later}", later).encode("utf-8", "surrogateescape").replace(
            b"\xc3\xbf", b"\xff"
        )

    cases = [(f"text-{i}", TEXT, at(body)) for i, body in enumerate(TEXT_BODIES)]
    cases += [(f"om-{i}", OPEN_METRICS, at(body)) for i, body in enumerate(OPEN_METRICS_BODIES)]
    cases += [(f"type-{i}", kind, b"a 1\n") for i, kind in enumerate(CONTENT_TYPES)]
    cases += [(f"empty-{i}", kind, b"") for i, kind in enumerate(CONTENT_TYPES)]
    return cases


def damaged_cases(seed, captured, count):
    """Bodies with a few bytes changed, cut, doubled or moved, biased to what parsers look at."""
    rng = random.Random(seed)
    alphabet = b" \t\n\"\\{}=,#.:_aeE+-0159NI\x00\xc3\xff"
    cases = []
    for i in range(count):
        name, kind, body = captured[i % len(captured)]
        if kind != PROTOBUF:
            lines = body.split(b"\n")
            start = rng.randrange(max(1, len(lines) - 40))
            tail = [b"# EOF", b""] if kind == OPEN_METRICS else [b""]
            body = b"\n".join(lines[start : start + rng.randrange(1, 40)] + tail)
        damaged = bytearray(body)
        for _ in range(rng.randrange(1, 4)):
            at = rng.randrange(len(damaged) + 1)
            act = rng.randrange(4)
            if act == 0:
                damaged[at:at] = bytes([rng.choice(alphabet)])
            elif act == 1 and at < len(damaged):
                damaged[at] = rng.choice(alphabet)
            elif act == 2:
                del damaged[at : at + rng.randrange(1, 8)]
            else:
                damaged[at:at] = damaged[at : at + rng.randrange(1, 30)]
        cases.append((f"damaged-{i}-{name}", kind, bytes(damaged)))
    return cases

"""The expressions that both servers evaluate.

Written as lists and products of lists: what is compared is data, the comparison is query_test.py.
"""

import itertools

SELECTORS = [
    "http_requests_total",
    'http_requests_total{code="200"}',
    'http_requests_total{code!="200",method="GET"}',
    'http_requests_total{instance=~"a.*|c:3"}',
    'http_requests_total{instance!~"a.*"}',
    '{__name__="up"}',
    '{__name__=~"(temperature|memory).*"}',
    '{__name__=~".+",job="home"}',
    'http_requests_total{nothing=""}',
    'http_requests_total{nothing!="x"}',
    'http_requests_total{code=~""}',
    "nothing_at_all",
    "up offset 5m",
    "up offset -5m",
    "http_requests_total{code='500'} offset 17s",
    "http_requests_total @ 1700001000",
    "http_requests_total @ 1700001000.5 offset 1m",
    "http_requests_total @ start()",
    "http_requests_total @ end()",
    "gappy",
    "sparse",
    "staler",
    "specials",
    "odd",
    'odd{text="say \\"hi\\""}',
    "odd{text='C:\\\\temp\\\\'}",
    "odd{text=`C:\\temp\\`}",
    'odd{text=~"a\\\\.b.*"}',
    'odd{text="größe €"}',
    'odd{_kind=~"emoji|unicode"}',
    'odd{Upper="U"}',
    'temperature_celsius{room=~"kitchen|attic"}',
    "-temperature_celsius",
    "+up",
    "(up)",
]

RANGE_FUNCTIONS = [
    "rate", "increase", "irate", "delta", "idelta", "deriv", "changes", "resets", "sum_over_time",
    "avg_over_time", "min_over_time", "max_over_time", "count_over_time", "last_over_time",
    "present_over_time", "stddev_over_time", "stdvar_over_time", "absent_over_time",
]
RANGE_SELECTORS = [
    'http_requests_total{code="200"}[5m]',
    "temperature_celsius[90s]",
    "gappy[4m]",
    "staler[3m]",
    "specials[5m]",
]

SIMPLE_FUNCTIONS = [
    "abs", "ceil", "floor", "round", "exp", "ln", "log2", "log10", "sqrt", "sgn", "sin", "cos",
    "tan", "asin", "acos", "atan", "sinh", "cosh", "tanh", "asinh", "acosh", "atanh", "deg", "rad",
]

AGGREGATIONS = ["sum", "avg", "min", "max", "count", "group", "stddev", "stdvar"]
GROUPINGS = ["", " by (instance)", " by (method, code)", " without (instance)", " by ()",
             " without ()", " by (nothing)"]

BINARY = ["+", "-", "*", "/", "%", "^", "==", "!=", ">", "<", ">=", "<=", "atan2"]

CLASSIC = [
    # numbers and their syntax
    "1", "1.5e3", "0x1F", "1e-7", "-0", "Inf", "-Inf", "NaN", "1 + 2 * 3 ^ 2 ^ 0.5 % 4", "-1 ^ 2",
    "2 ^ 3 ^ 2", "(2 ^ 3) ^ 2", "7 % -4", "-7 % 4", "1 / 0", "0 / 0", "1 > bool 2", "1 == bool 1",
    "time()", "pi()", "'a string'", '"esc\\t\\u00e9"', "scalar(up)", "vector(1) + vector(2)",
    'scalar(temperature_celsius{room="kitchen"})', "vector(time())", "1 atan2 2",
    # histograms
    "histogram_quantile(0.9, latency_seconds_bucket)",
    "histogram_quantile(0.5, rate(latency_seconds_bucket[5m]))",
    "histogram_quantile(0.99, sum by (le) (rate(latency_seconds_bucket[5m])))",
    "histogram_quantile(0.9, sum by (le, instance) (increase(latency_seconds_bucket[10m])))",
    "histogram_quantile(0, latency_seconds_bucket)", "histogram_quantile(1, latency_seconds_bucket)",
    "histogram_quantile(-1, latency_seconds_bucket)", "histogram_quantile(2, latency_seconds_bucket)",
    "histogram_quantile(NaN, latency_seconds_bucket)", "histogram_quantile(0.5, up)",
    "rate(latency_seconds_sum[5m]) / rate(latency_seconds_count[5m])",
    # quantiles
    "quantile_over_time(0.5, temperature_celsius[5m])", "quantile_over_time(0.99, gappy[10m])",
    "quantile_over_time(-1, gappy[10m])", "quantile_over_time(1.5, gappy[10m])",
    "quantile(0.5, http_requests_total)", "quantile by (code) (0.9, http_requests_total)",
    "quantile(-0.5, up)", "quantile(NaN, up)",
    # ranking
    "topk(3, http_requests_total)", "bottomk(2, http_requests_total)",
    "topk by (code) (1, http_requests_total)", "bottomk without (instance) (1, http_requests_total)",
    "topk(0, up)", "topk(100, up)", "topk(2, specials)", "bottomk(2, specials)",
    "count_values('v', up)", "count_values by (job) ('v', round(temperature_celsius, 5))",
    "count_values('code', http_requests_total > bool 100)",
    # labels
    'label_replace(up, "host", "$1", "instance", "(.*):.*")',
    'label_replace(up, "instance", "", "instance", ".*")',
    'label_replace(up, "host", "${1}-${2}", "instance", "(.*):(.*)")',
    'label_replace(up, "host", "x", "nothing", "")',
    'label_replace(up, "host", "x", "nothing", "y")',
    'label_replace(http_requests_total, "__name__", "renamed", "", "")',
    'label_join(up, "both", "/", "job", "instance")', 'label_join(up, "both", "", "nothing")',
    'label_join(up, "job", "-", "instance", "job", "nothing")',
    # absence
    "absent(up)", "absent(nothing_at_all)", 'absent(nothing_at_all{job="x",a=~"b"})',
    "absent(sum(nothing_at_all))", 'absent_over_time(nothing_at_all{job="x"}[5m])',
    "absent_over_time(sparse[1m])",
    # time
    "timestamp(up)", "timestamp(sparse)", "timestamp(up offset 1m)", "timestamp(up * 1)",
    "hour()", "minute()", "month()", "year()", "day_of_week()", "day_of_month()", "day_of_year()",
    "days_in_month()", "hour(vector(1700000000))", "day_of_year(vector(1709164800))",
    "days_in_month(vector(1709164800))", "year(vector(-1))", "minute(timestamp(up))",
    # two arguments
    "round(temperature_celsius, 0.5)", "round(temperature_celsius, 3)", "round(specials, 2)",
    "clamp(temperature_celsius, -5, 5)", "clamp(temperature_celsius, 5, -5)",
    "clamp_min(temperature_celsius, 0)", "clamp_max(temperature_celsius, 0)",
    "clamp_max(specials, 1)", "predict_linear(temperature_celsius[10m], 3600)",
    "predict_linear(gappy[5m], -60)", 'rate(http_requests_total{code="500"}[1m])',
    'increase(http_requests_total{instance="b:2"}[1h])', "rate(sparse[10m])", "irate(sparse[10m])",
    "delta(temperature_celsius[20s])", "rate(http_requests_total[10s])", "sort(temperature_celsius)",
    "sort_desc(temperature_celsius)", "sort(specials)", "sort_desc(specials)",
    # subqueries
    "max_over_time(rate(http_requests_total[5m])[30m:1m])", "rate(http_requests_total[5m])[10m:1m]",
    "sum_over_time(up[10m:30s])", "avg_over_time((temperature_celsius > 0)[10m:30s])",
    "max_over_time(sum(rate(http_requests_total[5m]))[20m:])",
    "min_over_time(up[10m:30s] offset 5m)", "count_over_time(gappy[10m:7s])",
    "last_over_time(time()[5m:1m])", "deriv(rate(http_requests_total[5m])[30m:2m])",
    "sum_over_time(vector(1)[10m:1m] @ 1700002000)",
    "max_over_time(max_over_time(temperature_celsius[2m:30s])[10m:1m])",
    "http_requests_total[2m]", "gappy[3m]", "staler[5m]", "specials[1m]", "up[2m] offset 1m",
    "up[2m] @ 1700001000",
    # vector matching
    "http_requests_total / on(instance) group_left limit_requests",
    "http_requests_total * on(instance, job) group_left(version) build_info",
    "limit_requests / on(instance) group_right http_requests_total",
    "up * ignoring(version) build_info", "up + on(instance) build_info",
    "up * on(instance) group_left(version, nothing) build_info",
    'http_requests_total{method="GET"} / ignoring(method) http_requests_total{method="POST"}',
    'http_requests_total{code="500"} / ignoring(code) http_requests_total{code="200"}',
    "sum by (instance) (http_requests_total) > on(instance) limit_requests",
    "sum by (instance) (http_requests_total) > bool on(instance) limit_requests",
    "up == on(instance) up", "memory_bytes and on(instance) (up == 1)",
    "memory_bytes unless on(instance) (up == 0)", "up or build_info", "up or on(instance) build_info",
    "up or ignoring(version) build_info", "up and build_info", "up unless build_info",
    "up and ignoring(version) build_info", "vector(1) or up", "up and vector(1)",
    "up and on() vector(1)", "up unless on() (vector(1) > 2)",
    "(up or temperature_celsius) * 2", "up * up", "up == up", "temperature_celsius > 5",
    "5 < temperature_celsius", "temperature_celsius > bool 5", "specials == specials",
    "specials != bool specials", "specials * 0", "specials + 1", "specials > 0", "specials < bool 1",
    "sum(specials)", "avg(specials)", "min(specials)", "max(specials)", "stddev(specials)",
    "count(specials)", 'sum(specials{kind=~"third|huge"})', 'avg(specials{kind=~"huge|third"})',
    # what dashboards are made of
    "sum(rate(http_requests_total[5m])) by (instance)",
    'sum(rate(http_requests_total{code=~"5.."}[5m])) / sum(rate(http_requests_total[5m]))',
    "100 * (1 - avg by (instance) (up))", "sum(up) / count(up)",
    "sum without (method, code) (increase(http_requests_total[30m]))",
    "avg_over_time(up[1h]) < 0.99", "count(up == 0) or vector(0)",
    "max by (room) (temperature_celsius) - min by (room) (temperature_celsius offset 10m)",
    "topk(2, sum by (instance, code) (rate(http_requests_total[5m])))",
    "sum(memory_bytes) / 1024 / 1024", "changes(up[1h])", "resets(http_requests_total[1h])",
    "count by (__name__) ({job='api'})", "group by (job) ({job=~'api|home'})",
    "sum by (le) (latency_seconds_bucket)", "count({__name__=~'.+'})",
    "http_requests_total > ignoring(code) group_left limit_requests",
    # comments and spacing
    "up # the end", "\n  sum(\n up\n)\n", "sum by(instance)(up)", "sum(up)by(instance)",
]

# Errors: both must refuse, with the same kind of error.
WRONG = [
    "", "up{", "up{job=}", "up{job=~\"(\"}", "rate(up)", "rate(up[5m]", "sum(", "1 +", "up[5m] + 1",
    "foo bar", "sum by (up", "up{job='a\"}", "nonsense(up)", "rate(up[0s])", "rate(up[5m:])[1m]",
    "{}", '{job=~".*"}', "up offset", "up @", "up @ foo", "sum(up, up)", "clamp(up, 1)", "vector(up)",
    "scalar(1)", "1 and 1", "up and 1", "up > bool", "1 > 2", "'a' + 'b'", "-'a'",
    "up + on(instance) group_left http_requests_total * on(instance) group_right up",
    "up * on() up", "up * on(job) http_requests_total", "label_replace(up, 'x y', '', '', '(')",
    "label_replace(up, 'x', '$1', 'job', '(')", "topk('a', up)", "quantile(up, up)",
    "histogram_quantile(up, up)", "up or on(instance) group_left up", "up ^ ^ up", "1..2", "0x",
    "5mm", "up[5x]", "up offset 5x", "count_values(1, up)", "sum(up) by", "up{a='b',}{c='d'}",
    "http_requests_total / on(job) limit_requests", "absent()", "time(1)", "!up", "up !! up",
    "sum_over_time(up)", "label_join(up)", "up{=\"a\"}", "\"unterminated", "`unterminated",
]

# What only a 3.x peer knows, or answers as 3.x does.
NEEDS_3 = [
    "aligned", "sum_over_time(aligned[1m])", "count_over_time(aligned[1m])", "rate(aligned_total[1m])",
    "increase(aligned_total[5m])", "delta(aligned[2m])", "aligned[1m]", "irate(aligned_total[30s])",
    "count_over_time(aligned[15s])", "count_over_time(aligned[5m:1m])", "changes(aligned[2m])",
    "aligned offset 15s", "last_over_time(aligned[15s])", "rate(aligned_total[15s])",
    '{"http_requests_total"}', '{"up", job="api"}', 'odd{text=~"two.lines"}', "1_000 + 0x_1",
    "5m", "up * 1m", "rate(http_requests_total[300])", "up offset 60", "mad_over_time(gappy[5m])",
    'sort_by_label(up, "instance")', 'sort_by_label_desc(up, "instance")',
    "double_exponential_smoothing(temperature_celsius[10m], 0.5, 0.3)",
    "ts_of_max_over_time(temperature_celsius[10m])", "ts_of_min_over_time(temperature_celsius[10m])",
    "ts_of_last_over_time(temperature_celsius[10m])", "limitk(2, up)", "limit_ratio(1, up)",
    "limit_ratio(-1, up)", "sum(limit_ratio(0.5, http_requests_total) or "
    "limit_ratio(-0.5, http_requests_total))",
]


def products():
    for function, selector in itertools.product(RANGE_FUNCTIONS, RANGE_SELECTORS):
        yield f"{function}({selector})"
    for function in SIMPLE_FUNCTIONS:
        yield f"{function}(temperature_celsius)"
    for function in ("abs", "ceil", "round", "sqrt", "ln", "sgn"):
        yield f"{function}(specials)"
    for aggregation, grouping in itertools.product(AGGREGATIONS, GROUPINGS):
        yield f"{aggregation}{grouping} (http_requests_total)"
    for operator in BINARY:
        yield f"temperature_celsius {operator} 3"
        yield f"3 {operator} temperature_celsius"
        yield f"up {operator} ignoring(version) build_info"


def all_expressions():
    """[(expression, needs_3)]"""
    seen = dict.fromkeys(SELECTORS + CLASSIC + list(products()), False)
    seen.update(dict.fromkeys(NEEDS_3, True))
    return list(seen.items())

"""Random PromQL: trees of well-typed expressions, and a few that are broken on purpose.

A tree knows what shrinking needs (which node has which type, which words may go) and what comparing needs: whether
its values are the same bits on every server (`exact`), and whether Prometheus itself has an order to it (`ordered`;
range evaluation keeps series in Go maps, whose order is random, so that sums over them may round differently).
"""

import random

import random_shapes

VECTOR, MATRIX, SCALAR, STRING = "vector", "matrix", "scalar", "string"


class Option:
    """Words that may be replaced by simpler ones, the simplest first."""

    def __init__(self, text, *simpler):
        self.text, self.simpler = text, simpler

    def __str__(self):
        return self.text


class Node:
    """parts: str, Option and Node; what they say one after the other is the expression."""

    def __init__(self, kind, parts, atom=True, unorders=False, inexact=False, sums=False, orders=False):
        self.kind, self.parts, self.atom = kind, parts, atom
        self.traits = {"atom": atom, "unorders": unorders, "inexact": inexact, "sums": sums, "orders": orders}
        children = self.children()
        all_ordered = all(child.ordered for child in children)
        self.ordered = orders or (not unorders and all_ordered)
        self.exact = not inexact and all(child.exact for child in children) and (all_ordered or not sums)

    def children(self):
        return [part for part in self.parts if isinstance(part, Node)]

    def with_part(self, index, part):
        return Node(self.kind, [*self.parts[:index], part, *self.parts[index + 1 :]], **self.traits)

    def __str__(self):
        return "".join(map(str, self.parts))


def quoted(text):
    text = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{text}"'


def is_plain(name):
    return name.isascii() and name.replace("_", "a").isalnum() and not name[0].isdigit()


def label(name):
    return name if is_plain(name) else quoted(name)


SIMPLE = ("abs", "ceil", "floor", "round", "sqrt", "sgn", "deg", "rad", "timestamp")
LOOSE = ("exp", "ln", "log2", "log10", "sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "tanh", "asinh",
         "acosh", "atanh")
CALENDAR = ("hour", "minute", "month", "year", "day_of_week", "day_of_month", "day_of_year", "days_in_month")
RANGE = ("rate", "increase", "delta", "irate", "idelta", "deriv", "changes", "resets", "sum_over_time", "avg_over_time",
         "min_over_time", "max_over_time", "count_over_time", "last_over_time", "first_over_time", "present_over_time",
         "stddev_over_time", "stdvar_over_time", "absent_over_time", "mad_over_time", "ts_of_min_over_time",
         "ts_of_max_over_time", "ts_of_first_over_time", "ts_of_last_over_time")
COUNTERS = ("rate", "increase", "irate", "delta", "resets", "changes")
HISTOGRAM = ("histogram_count", "histogram_sum", "histogram_avg")
HISTOGRAM_LOOSE = ("histogram_stddev", "histogram_stdvar")
AGGREGATIONS = ("sum", "avg", "min", "max", "count", "group", "stddev", "stdvar")
ARITHMETIC = ("+", "-", "*", "/", "%")
COMPARISONS = ("==", "!=", ">", "<", ">=", "<=")
TRIMS = ("</", ">/")
SETS = ("and", "or", "unless")
DURATIONS = ("1m", "30s", "45s", "90s", "2m", "5m", "10m", "15s", "17s", "1m1ms", "100", "1h", "4m")
NUMBERS = ("0", "1", "2", "-1", "0.5", "3", "1.5", "100", "0.1", "Inf", "-Inf", "NaN", "1e3", "0x1F", "1_000", "5m",
           "-0.0", "1e-7", "1700000600")
QUANTILES = ("0.5", "0.9", "0", "1", "0.99", "0.25", "-0.1", "1.1", "NaN", "Inf", "0.333")
WEIGHTS = {"http_requests_total": 12, "native_seconds": 9, "custom_seconds": 7, "native_delta_total": 5, "native_level": 4,
           "native_odd": 8, "mixed": 6, "both_seconds": 4, "latency_seconds_bucket": 6, "temperature_celsius": 6,
           "gappy": 4, "staler": 4, "specials": 5, "up": 5, "broken_bucket": 4, "pod_cpu_total": 4}


class Generator:
    """One seed, one sequence of expressions. `ranged` says whether the expression is asked over a range."""

    def __init__(self, seed):
        self.rng = random.Random(seed)
        self.metrics = {}
        for labels, _ in random_shapes.all_series():
            self.metrics.setdefault(labels["__name__"], []).append({k: v for k, v in labels.items() if k != "__name__"})
        self.ranged = False

    def chance(self, share):
        return self.rng.random() < share

    def pick(self, of):
        return self.rng.choice(of)

    def expression(self, ranged):
        self.ranged = ranged
        roll, depth = self.rng.random(), self.rng.choice((1, 2, 2, 3, 3, 4))
        if roll < 0.06:
            return self.scalar(depth, True)
        if roll < 0.08:
            return self.string()
        if roll < 0.13 and not ranged:
            return self.matrix(depth)
        return self.vector(depth, True)

    # Selectors

    def matcher(self, name, wanted):
        labels = self.pick(self.metrics[name])
        if not labels or self.chance(0.05):
            return self.pick(('nothing=""', 'nothing!="x"', 'nothing=~".*"', 'nothing="x"', 'job=~".+"'))
        key = self.pick(sorted(labels))
        value = labels[key]
        roll = self.rng.random()
        if roll < 0.5:
            return f"{label(key)}={quoted(value)}"
        if roll < 0.7:
            return f"{label(key)}!={quoted(value)}"
        if roll < 0.8:
            return f'{label(key)}=~"{self.pick((".*", ".+", "a.*", ".*[0-9].*", "(?i:A:1|GET)"))}"'
        plain = [entry[key] for entry in self.metrics[name] if entry.get(key, "").replace(":", "").isalnum()]
        chosen = "|".join(sorted(set(self.rng.sample(plain, min(2, len(plain)))))) or "x"
        return f'{label(key)}{self.pick(("=~", "!~"))}"{chosen}"'

    def metric(self, wanted=None):
        if wanted:
            return self.pick(wanted)
        names = sorted(self.metrics)
        return self.rng.choices(names, [WEIGHTS.get(name, 2) for name in names])[0]

    def series_of(self, name):
        """Matchers that leave one series, for shrinking."""
        for labels in self.metrics[name][:6]:
            yield "{" + ",".join(f"{label(k)}={quoted(v)}" for k, v in sorted(labels.items())) + "}"

    def bare_selector(self, wanted=None):
        name = self.metric(wanted)
        if not wanted and self.chance(0.02):
            return [self.pick(('{__name__=~"up|build_info"}', '{__name__=~"native.*"}', '{job="api",__name__!~"l.*"}',
                               "nothing_at_all", '{__name__="up"}', '{__name__=~"both_seconds|mixed"}'))]
        matchers = [self.matcher(name, wanted) for _ in range(self.rng.choice((0, 0, 0, 1, 1, 2)))]
        if not is_plain(name) or self.chance(0.03):
            return ["{" + ", ".join([quoted(name), *matchers]) + "}"]
        braces = "{" + ",".join(matchers) + "}" if matchers or self.chance(0.03) else ""
        return [name, Option(braces, *([] if not braces else [""]), *self.series_of(name))]

    def shift(self):
        parts = []
        if self.chance(0.12):
            text = " offset " + self.pick(("1m", "-1m", "17s", "5m", "-30s", "(1m+5s)", "step()", "-step()", "max_of(1m,step())"))
            parts.append(Option(text, "", " offset 1m"))
        if self.chance(0.10):
            text = " @ " + self.pick(("1700000600", "1700000611.5", "start()", "end()", "1700001400", "-1"))
            parts.append(Option(text, "", " @ 1700000600"))
        return parts[::-1] if self.chance(0.4) else parts

    def selector(self, wanted=None):
        parts = self.bare_selector(wanted)
        if self.chance(0.04):
            parts.append(Option(self.pick((" smoothed", " anchored")), ""))
        return Node(VECTOR, parts + self.shift())

    def duration(self):
        if self.chance(0.08):
            return self.pick(("step()", "range()", "1m*2", "(1m+30s)", "max_of(step(),1m)", "min_of(5m,10m)", "2^7", "5m%4m",
                              "-(-1m)", "10m/4", "step()+1m", "1m-2m"))
        return self.pick(DURATIONS)

    def range_of_selector(self, wanted=None, extended=0.06):
        parts = [*self.bare_selector(wanted), "[", Option(self.duration(), "1m", "5m"), "]"]
        if self.chance(extended):
            parts.append(Option(self.pick((" anchored", " smoothed")), ""))
        return Node(MATRIX, parts + self.shift())

    def subquery(self, depth, loose=False):
        before, self.ranged = self.ranged, True
        inner = self.vector(depth - 1, loose) if self.chance(0.9) else self.scalar(depth - 1, loose)
        self.ranged = before
        step = self.pick(("", "1m", "30s", "15s", "7s", "20s", "100", "step()"))
        span = self.pick(("5m", "2m", "10m", "3m", "90s", "1m", "7m+1s", "range()"))
        parts = [self.atom(inner), "[", Option(span, "1m", "5m"), ":", Option(step, "1m", ""), "]"]
        return Node(MATRIX, parts + self.shift())

    def matrix(self, depth, loose=False, wanted=None):
        if depth >= 2 and self.chance(0.25):
            return self.subquery(depth, loose)
        return self.range_of_selector(wanted)

    # Scalars and strings

    def atom(self, node):
        """As an operand: in parentheses where the grammar needs them."""
        return node if node.atom else Node(node.kind, ["(", node, ")"])

    def number(self, of=NUMBERS):
        text = self.pick(of)
        return Node(SCALAR, [Option(text, *(n for n in ("1", "2") if n != text))], atom=text[0] != "-")

    def string(self):
        return Node(STRING, [self.pick(('"a string"', "'esc\\t\\u00e9'", "`raw\\n`", '"\\x41€"', '""'))])

    def scalar(self, depth, loose=False):
        if depth <= 0 or self.chance(0.35):
            return self.number()
        roll = self.rng.random()
        if roll < 0.2:
            return Node(SCALAR, [self.pick(("time()", "pi()", "start()", "end()", "step()", "range()"))])
        if roll < 0.45:
            return Node(SCALAR, ["scalar(", self.vector(depth - 1, loose), ")"])
        if roll < 0.55:
            name = self.pick(("min_of", "max_of"))
            return Node(SCALAR, [name + "(", self.scalar(depth - 1), ", ", self.scalar(depth - 1), ")"])
        if roll < 0.65:
            return Node(SCALAR, [self.pick("-+"), self.atom(self.scalar(depth - 1))], atom=False)
        left, right = self.scalar(depth - 1), self.scalar(depth - 1)
        if loose and self.chance(0.15):
            return self.binary(SCALAR, left, self.pick((" ^ ", " atan2 ")), right, inexact=True)
        operator = self.pick(ARITHMETIC + tuple(f"{c} bool" for c in COMPARISONS))
        return self.binary(SCALAR, left, f" {operator} ", right)

    # Instant vectors

    def vector(self, depth, loose=False):
        if depth <= 0:
            return self.selector() if self.chance(0.93) else Node(VECTOR, ["vector(", self.number(), ")"])
        makers = ((self.selector, 4), (self.range_call, 26), (self.simple_call, 8), (self.histogram_call, 11),
                  (self.aggregation, 22), (self.vector_and_scalar, 11), (self.vector_and_vector, 17), (self.set_operation, 6),
                  (self.label_call, 5), (self.odd_call, 8), (self.loose_call, 4), (self.info_call, 3), (self.sorted_call, 3))
        maker = self.rng.choices([m for m, _ in makers], [w for _, w in makers])[0]
        return maker() if maker == self.selector else maker(depth, loose)

    def call(self, name, *arguments, **traits):
        parts = [name + "("]
        for i, argument in enumerate(arguments):
            parts += ([", "] if i else []) + [argument]
        return Node(VECTOR, [*parts, ")"], **traits)

    def through_steps(self):
        """Functions of instant vectors lose the order of series in range evaluation."""
        return {"unorders": self.ranged}

    def range_call(self, depth, loose):
        roll = self.rng.random()
        if roll < 0.06:
            return self.call("quantile_over_time", self.number(QUANTILES), self.matrix(depth))
        if roll < 0.09:
            return self.call("predict_linear", self.matrix(depth), self.number())
        if roll < 0.12:
            factors = [self.number(("0.5", "0.3", "0.1", "0.9", "1", "0", "2")) for _ in range(2)]
            return self.call("double_exponential_smoothing", self.matrix(depth), *factors)
        if roll < 0.30:
            name = self.pick(COUNTERS)
            return self.call(name, self.range_of_selector(extended=0.4))
        return self.call(self.pick(RANGE), self.matrix(depth))

    def simple_call(self, depth, loose):
        roll = self.rng.random()
        inner = self.vector(depth - 1, loose and roll < 0.3)
        if roll < 0.55:
            return self.call(self.pick(SIMPLE if roll >= 0.3 else ("abs",)), inner, **self.through_steps())
        if roll < 0.65:
            return self.call("round", inner, self.number(), **self.through_steps())
        if roll < 0.80:
            return self.call(self.pick(("clamp_min", "clamp_max")), inner, self.scalar(depth - 1), **self.through_steps())
        if roll < 0.90:
            return self.call("clamp", inner, self.number(), self.number(), **self.through_steps())
        if roll < 0.95:
            return Node(VECTOR, [self.pick("-+"), self.atom(inner)], atom=False)
        return Node(VECTOR, ["(", inner, ")"])

    def histogram_call(self, depth, loose):
        natives = ("native_seconds", "custom_seconds", "native_delta_total", "native_level", "native_odd", "mixed")
        if self.chance(0.35):
            inner = Node(VECTOR, ["rate(", self.range_of_selector(natives), ")"])
            if self.chance(0.5):
                inner = Node(VECTOR, ["sum", Option(self.pick(("", " by (job)", " by (kind)")), ""), " (", inner, ")"])
        elif self.chance(0.4):
            inner = self.selector(natives + ("latency_seconds_bucket", "broken_bucket", "both_seconds"))
        else:
            inner = self.vector(depth - 1)
        roll = self.rng.random()
        if not loose or roll < 0.35:
            return self.call(self.pick(HISTOGRAM), inner, **self.through_steps())
        traits = {"inexact": True, **self.through_steps()}
        if roll < 0.48:
            return self.call(self.pick(HISTOGRAM_LOOSE), inner, **traits)
        if roll < 0.75:
            if self.chance(0.3):
                buckets = self.range_of_selector(("latency_seconds_bucket", "broken_bucket"))
                inner = Node(VECTOR, ["sum by (le) (rate(", buckets, "))"])
            return self.call("histogram_quantile", self.number(QUANTILES), inner, **traits)
        if roll < 0.9:
            return self.call("histogram_fraction", self.number(), self.number(), inner, **traits)
        quantiles = [self.number(QUANTILES) for _ in range(self.rng.randrange(1, 4))]
        return self.call("histogram_quantiles", inner, '"q"', *quantiles, **traits)

    def grouping(self):
        names = self.rng.sample(("job", "instance", "method", "code", "le", "kind", "nothing", "by", "pod", '"dot.label"'),
                                self.rng.choice((0, 1, 1, 2)))
        return f" {self.pick(('by', 'without'))} ({', '.join(names)})"

    def aggregation(self, depth, loose):
        roll = self.rng.random()
        word = Option(self.grouping() if self.chance(0.6) else "", "")
        if roll < 0.66:
            name = self.pick(AGGREGATIONS)
            sums = name in ("sum", "avg", "stddev", "stdvar")
            inner = self.vector(depth - 1, loose and name in ("min", "max", "count", "group"))
            if self.chance(0.2):
                return Node(VECTOR, [name, "(", inner, ")", word], sums=sums)
            return Node(VECTOR, [name, word, " (", inner, ")"], sums=sums)
        if roll < 0.76:
            return Node(VECTOR, ["quantile", word, " (", self.number(QUANTILES), ", ", self.vector(depth - 1), ")"])
        if roll < 0.82:
            name = self.pick(('"v"', '"job"', '"a b"', '"__name__"'))
            return Node(VECTOR, ["count_values", word, f" ({name}, ", self.vector(depth - 1), ")"], unorders=True)
        inner = self.vector(depth - 1)
        while not inner.ordered:
            inner = self.selector() if self.chance(0.5) else self.range_call(1, False)
        if roll < 0.92:
            count = self.number(("2", "1", "3", "0", "100", "-1", "1.9", "NaN"))
            return Node(VECTOR, [self.pick(("topk", "bottomk")), word, " (", count, ", ", inner, ")"], unorders=True)
        if roll < 0.96:
            count = self.number(("2", "1", "3", "0", "100", "-1", "1.9"))
            return Node(VECTOR, ["limitk", word, " (", count, ", ", inner, ")"], unorders=True)
        ratio = self.number(("0.5", "-0.5", "0.1", "-0.9", "1", "-1", "2", "0", "NaN"))
        return Node(VECTOR, ["limit_ratio", word, " (", ratio, ", ", inner, ")"], unorders=True)

    def binary(self, kind, left, operator, right, **traits):
        bare = self.chance(0.15)
        sides = [side if bare else self.atom(side) for side in (left, right)]
        return Node(kind, [sides[0], operator, sides[1]], atom=False, **traits)

    def vector_and_scalar(self, depth, loose):
        roll = self.rng.random()
        keeps = loose and 0.1 <= roll < 0.2
        sides = [self.vector(depth - 1, keeps), self.scalar(depth - 1) if self.chance(0.4) else self.number()]
        if roll < 0.1 and loose:
            operator = self.pick(("^", "atan2"))
            self.rng.shuffle(sides)
            return self.binary(VECTOR, sides[0], f" {operator} ", sides[1], inexact=True, **self.through_steps())
        if roll < 0.2:
            return self.binary(VECTOR, sides[0], f" {self.pick('*/')} ", sides[1], **self.through_steps())
        if roll < 0.3:
            return self.binary(VECTOR, sides[0], f" {self.pick(TRIMS)} ", sides[1], inexact=True, **self.through_steps())
        operator = self.pick(ARITHMETIC) if roll < 0.65 else self.comparison()
        self.rng.shuffle(sides)
        return self.binary(VECTOR, sides[0], operator if isinstance(operator, Option) else f" {operator} ", sides[1],
                           **self.through_steps())

    def comparison(self):
        operator = self.pick(COMPARISONS)
        return Option(f" {operator} bool ", f" {operator} ") if self.chance(0.4) else f"{operator}"

    def matching(self):
        """on/ignoring, group_x and fill, as they may follow an operator."""
        if self.chance(0.25):
            return ""
        names = self.rng.sample(("job", "instance", "method", "code", "kind", "version", "le", "side", "nothing"), self.pick((0, 1, 1, 2)))
        text = f"{self.pick(('on', 'ignoring'))}({', '.join(names)}) "
        if self.chance(0.4):
            extra = self.pick(("", "()", "(version)", "(version, nothing)", "(region)"))
            text += f"{self.pick(('group_left', 'group_right'))}{extra} "
        return text

    def fill(self):
        if not self.chance(0.15):
            return ""
        value = self.pick(("0", "1", "-1", "NaN", "5m"))
        return self.pick((f"fill({value}) ", f"fill_left({value}) ", f"fill_right({value}) ", f"fill_left({value}) fill_right(2) "))

    def vector_and_vector(self, depth, loose):
        left, right, text = self.sides(depth)
        roll = self.rng.random()
        inexact = loose and roll < 0.05
        if inexact:
            operator = self.pick(("^", "atan2"))
        elif roll < 0.65:
            operator = self.pick(ARITHMETIC)
        elif roll < 0.70:
            operator = self.pick(TRIMS)
        else:
            operator = str(self.comparison()).strip()
        fill = self.fill()
        parts = [f" {operator} ", Option(text, ""), Option(fill, "")]
        sides = [self.atom(left), self.atom(right)]
        traits = {"inexact": inexact or operator in TRIMS, **self.through_steps()}
        return Node(VECTOR, [sides[0], *parts, sides[1]], atom=False, **traits)

    def sides(self, depth):
        """Two vectors that have a chance to match, and how."""
        roll = self.rng.random()
        if roll < 0.35:
            names = self.pick(("job", "instance", "kind", "instance, job", "le", "code"))
            left, right = [Node(VECTOR, [f"{self.pick(('sum', 'max', 'avg', 'count'))} by ({names}) (", self.vector(depth - 1), ")"], sums=True)
                           for _ in range(2)]
            return left, right, self.pick(("", f"on({names}) ", "ignoring(nothing) "))
        if roll < 0.6:
            name = self.metric()
            left, right = self.selector((name,)), self.selector((name,))
            if self.chance(0.4):
                function = self.pick(("rate", "increase", "delta", "max_over_time", "last_over_time", "sum_over_time"))
                left = Node(VECTOR, [f"{function}(", self.range_of_selector((name,)), ")"])
            return left, right, self.pick(("", "", self.matching()))
        if roll < 0.75:
            many = self.selector(("http_requests_total", "native_seconds", "custom_seconds", "latency_seconds_bucket", "up"))
            one = self.selector(("limit_requests", "build_info", "memory_bytes", "up", "target_info"))
            if self.chance(0.5):
                return many, one, self.pick(("on(instance) group_left ", "on(instance, job) group_left(version) ", "on(instance) "))
            return one, many, self.pick(("on(instance) group_right ", "on(instance) group_right(version) "))
        return self.vector(depth - 1), self.vector(depth - 1), self.matching()

    def set_operation(self, depth, loose):
        left, right, text = self.sides(depth)
        if "group" in text:
            text = text.split(" group")[0] + " "
        parts = [self.atom(left), f" {self.pick(SETS)} ", Option(text, ""), self.atom(right)]
        return Node(VECTOR, parts, atom=False, unorders=self.ranged)

    def label_call(self, depth, loose):
        inner = self.vector(depth - 1, loose)
        if self.chance(0.6):
            target = self.pick(('"host"', '"instance"', '"__name__"', '"a b"', '"job"'))
            text = self.pick(('"$1"', '"${1}-$2"', '""', '"x"', '"$name"', '"€$0"'))
            source = self.pick(('"instance"', '"kind"', '"nothing"', '"__name__"', '"job"'))
            pattern = self.pick(('"(.*):(.*)"', '".*"', '"(.).*"', '""', '"(?P<name>.+)"', '"a|(b)"'))
            return self.call("label_replace", inner, target, text, source, pattern)
        target = self.pick(('"both"', '"instance"', '"__name__"', '"job"', '"a b"'))
        sources = self.rng.sample(('"job"', '"instance"', '"kind"', '"nothing"', '"__name__"'), self.rng.randrange(0, 4))
        return self.call("label_join", inner, target, self.pick(('"-"', '""', '"€"')), *sources)

    def odd_call(self, depth, loose):
        roll = self.rng.random()
        if roll < 0.2:
            return self.call("absent", self.vector(depth - 1, loose))
        if roll < 0.35:
            return self.call("absent", Node(VECTOR, [self.pick(('nothing{job="x",a=~"b",c!="d"}', '{"no.such", job="x"}',
                                                               'nothing{job="x",job="y"}'))]))
        if roll < 0.45:
            return self.call("absent_over_time", self.range_of_selector())
        if roll < 0.6:
            return self.call("vector", self.scalar(depth - 1, loose))
        if roll < 0.75:
            argument = [self.vector(depth - 1)] if self.chance(0.7) else []
            return self.call(self.pick(CALENDAR), *argument, **self.through_steps())
        if roll < 0.9:
            return self.call("timestamp", self.selector())
        return self.call("start_timestamp", self.selector())

    def loose_call(self, depth, loose):
        if not loose:
            return self.simple_call(depth, loose)
        return self.call(self.pick(LOOSE), self.vector(depth - 1), inexact=True, **self.through_steps())

    def info_call(self, depth, loose):
        inner = self.vector(depth - 1, loose) if self.chance(0.4) else self.selector(("up", "native_seconds", "http_requests_total"))
        if self.chance(0.5):
            return self.call("info", inner, unorders=True)
        wanted = self.pick(('{region=~".+"}', '{kernel="6.1"}', '{__name__="build_info"}', '{__name__=~".*_info"}', '{version!=""}',
                            '{__name__=~".+_info",region="eu"}', "{nothing!='x'}"))
        return self.call("info", inner, wanted, unorders=True)

    def sorted_call(self, depth, loose):
        inner = self.vector(depth - 1)
        if self.chance(0.6):
            return self.call(self.pick(("sort", "sort_desc")), inner, unorders=True)
        names = self.rng.sample(('"instance"', '"job"', '"kind"', '"le"', '"nothing"', '"__name__"'), self.rng.randrange(1, 3))
        return self.call(self.pick(("sort_by_label", "sort_by_label_desc")), inner, *names, unorders=True)

    # Broken on purpose

    def damaged(self, text):
        """A few characters go, double, or are replaced: what remains is mostly not PromQL."""
        pieces = ("(", ")", "[", "]", "{", "}", ",", "=", '"', " by ", " on ", "+", "offset", "@", "bool", "5m", "1", ":", "€", "#",
                  "=~", "!", "sum", "up", " ", "\\", "'", ".", "group_left", "^", "0x", "\n")
        for _ in range(self.rng.choice((1, 1, 2))):
            at = self.rng.randrange(len(text) + 1)
            end = min(len(text), at + self.rng.randrange(0, 4))
            text = text[:at] + (self.pick(pieces) if self.chance(0.6) else "") + text[end:]
        return text

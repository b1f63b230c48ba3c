"""Differences between us and a Prometheus that are explained, and the reason. Nothing else may differ.

An entry holds for peers `before` a version and not before `since`, for expressions that match `expression` and
differences that match `difference` (regular expressions). random_test.py counts how many expressions each covered;
one that covers none in a full run is an error: it is out of date. `is_open` marks what is a fault of ours that is not
mended yet; `is_rare` what a run need not meet. Neither is an error when it covers nothing, but the run says so.
"""

import re
from dataclasses import dataclass

ANY = (999, 0, 0)


@dataclass
class Known:
    reason: str
    expression: str = ""
    difference: str = ""
    before: tuple = ANY
    since: tuple = (0, 0, 0)
    is_open: bool = False
    is_rare: bool = False
    covered: int = 0

    def applies(self, version):
        return self.since <= version < self.before

    def explains(self, text, difference):
        return re.search(self.expression, text) is not None and re.search(self.difference, difference) is not None


# The language asked for is that of Prometheus 3.14; the newest packaged one is older.
NEWER = (3, 14, 0)

KNOWN = [
    Known("the name of a metric: a comparison keeps that its input has lost it (docs/adr/0021)",
          r"==|!=|<|>", r'"__name__"'),
    Known("the name of a metric: info() keeps that its input has lost it (docs/adr/0021)", r"info\(", r'"__name__"'),
    Known("the name of a metric: `or` merges no series that loses it with one that keeps it (docs/adr/0021)",
          r"\bor\b", r"not expected|which is expected", is_rare=True),
    Known("Prometheus leaves buckets undecoded below histogram_count, _sum and _avg, and says nothing of them",
          r"histogram_(count|sum|avg)\(", r"^notes"),
    Known("Go's powers and logarithms are wrong below 2^-1022", r"(\^|ln|log2|log10|exp).*specials|specials.*\^", r"^\{",
          is_rare=True),
    Known("Prometheus' chunks hold buckets without observations; multiplied by Inf or divided by 0 they become NaN",
          r"[*/]", r"'count': '(NaN|[-+]?Inf)'", is_rare=True),
    # What 3.5 did otherwise.
    Known("functions younger than the peer",
          r"\b(ts_of_first_over_time|first_over_time|start_timestamp|histogram_quantiles|max_of|min_of)\(", before=NEWER),
    Known("start(), end(), step() and range() are younger than the peer", r"\b(start|end|step|range)\(\)", before=NEWER),
    Known("fill modifiers are younger than the peer", r"\bfill", before=NEWER),
    Known("anchored and smoothed are younger than the peer", r"\b(anchored|smoothed)\b", before=NEWER),
    Known("trimming of histograms is younger than the peer", r"</|>/", before=NEWER),
    Known("the peer's parser says some things in other words", r"", r"error text .*parse error", before=NEWER, is_rare=True),
    Known("native histograms: the peer refuses unlike custom buckets and extrapolates below zero",
          r"native|custom|mixed|both_|histogram_|\{job=", r"", before=NEWER),
    Known("the peer does not warn that sorting is in vain over a range", r"sort", r"sort is ineffective", before=NEWER),
    Known("the peer takes NaN as a parameter otherwise", r"NaN", r"NaN", before=NEWER),
    Known("the peer names an empty metric in its warnings", r"", r'for metric name ""', before=NEWER, is_rare=True),
    Known("the peer's info() leaves out series that are no information's", r"info\(", r"not expected", before=NEWER, is_rare=True),
    Known("the peer lets comparisons filter before it refuses many to one", r"==|!=|<|>", r"multiple matches", before=NEWER,
          is_rare=True),
    # Faults of ours.
    Known("open: an operator with an empty side does not evaluate the other, whose notes and errors are then not told",
          r"[-+*/%^=<>]|\b(and|or|unless|atan2)\b", r"^notes|^HTTP 200 .* 422 ", is_open=True),
    Known("open: a note said at two places is told twice", r"sort|quantile|sum|avg|@|:", r"^notes", is_open=True),
    Known("open: </ and >/ bind too tightly", r"</|>/", is_open=True),
    Known("open: a duration after offset ends too early", r"offset (\(|-|max|min|step)", is_open=True),
    Known("open: words of some errors of the parser", r"", r"error text .*parse error", is_open=True),
    Known("open: rate and its kin over anchored and smoothed ranges; smoothed histograms", r"anchored|smoothed", is_open=True),
    Known("open: start_timestamp() of samples without one", r"start_timestamp", is_open=True),
    Known("open: step() at an instant", r"\bstep\(\)", is_open=True),
    Known("open: quantile between infinities", r"quantile", r"Inf", is_open=True),
    Known("open: quantiles of histograms with observations that are NaN", r"histogram_quantile", is_open=True),
    Known("open: [range():] and [step():] are refused by Prometheus' grammar", r"(range|step)\(\):", r"expected$", is_open=True),
    Known("open: order of series that lack the label sorted by", r"sort_by_label", r"^order", is_open=True),
    Known("open: a wrong smoothing factor over no samples", r"double_exponential_smoothing", r"422", is_open=True),
    Known("open: labels of absent_over_time() when one is matched twice", r"absent_over_time", is_open=True),
    Known("open: timestamp() and info() below @", r"(timestamp|info)\(.*@", is_open=True),
    Known("open: mad_over_time with NaN among the samples", r"mad_over_time", r"NaN", is_open=True),
    Known("open: predict_linear of a constant", r"predict_linear", r"not expected", is_open=True),
]


def explain(text, difference, version):
    for known in KNOWN:
        if known.applies(version) and known.explains(text, difference):
            known.covered += 1
            return known
    return None

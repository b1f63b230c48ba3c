"""Differences between us and a Prometheus that are explained, and the reason. Nothing else may differ.

An entry holds for peers `before` a version and not before `since`, for expressions that match `expression` and
differences that match `difference` (regular expressions). random_test.py counts how many expressions each covered;
one that covers none in a full run is an error: it is out of date. `is_rare` marks what a run need not meet.
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
          r"==|!=|<|>", r'"__name__"', is_rare=True),
    Known("the name of a metric: info() keeps that its input has lost it (docs/adr/0021)", r"info\(",
          r'"__name__"|^HTTP 422 .*same labelset'),
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
    Known("the peer's mad_over_time skips NaN", r"mad_over_time", r"NaN", before=NEWER, is_rare=True),
    Known("the peer forgets that a subquery's series have lost their names", r"(last|first)_over_time\(.*:", r'"__name__"',
          before=NEWER, is_rare=True),
    # What 3.14 did otherwise; 3.16 does as we do.
    Known("histogram quantiles interpolate in the bucket that holds the rank, observations that are NaN or not",
          r"histogram_quantiles?\(.*native", r": at ", is_rare=True),
    Known("a quantile that is exactly one of the values is that value, an infinite one beside it or not",
          r"\bquantile(_over_time)? ?(\(|by|without)|mad_over_time", r"NaN expected|not expected|: at \S+ 1, 0 expected",
          is_rare=True),
    Known("a subquery's range may be range() or step() alone", r"(range|step)\(\):", is_rare=True),
    Known("info() looks at the time that its series are asked for", r"info\(.*(@|offset)", is_rare=True),
    Known("rad() and deg() of what is nearly too large", r"\b(rad|deg)\(", r"[-+]Inf expected", is_rare=True),
    # Accidents of Prometheus.
    Known("series of the same labels are refused where they meet, not where histogram_quantiles() makes them",
          r"histogram_quantiles\(", r"^HTTP 200 .*same labelset", is_rare=True),
    Known("the text of a histogram with custom buckets and NaN is an error in Prometheus", r"count_values ",
          r"422 histograms with custom buckets have no zero bucket", is_rare=True),
    Known("labels of absent() when one is matched twice: Prometheus' storage orders the matchers before they are looked at",
          r"absent(_over_time)?\(.*!", r"^no \{|not expected", is_rare=True),
    Known("sort_by_label: neither of two series, of which one has no such label, is before the other in Prometheus",
          r"sort_by_label", r"^order", is_rare=True),
    Known("histogram_quantiles() repairs the buckets of the quantile before once more", r"histogram_quantiles\(.*broken", r": at ",
          is_rare=True),
    Known("the deviation of many is as the order of series has it, which is of no meaning when they have several names",
          r"std(dev|var) .*(__name__(!|=~)|\{job=|timestamp\(|ts_of_)", r": at ", is_rare=True),
    Known("predict_linear() of a subquery forgets its @", r"predict_linear\(.*:[^\]]*\].*@", r"not expected", is_rare=True),
    Known("which histograms of a group meet first is as Go's maps have it", r"(sum|avg) .*native",
          r"^notes.*(reconciled|mix of histograms with)", is_rare=True),
    Known("ts_of_last_over_time() is never before 1970", r"ts_of_last_over_time\(.*@ -", r"-\S+, 0 expected", is_rare=True),
    Known("timestamp() forgets an offset beside @", r"timestamp\(.*(@.*offset|offset.*@)", is_rare=True),
    Known("a repaired histogram is counted again at every later step", r"histogram_quantile", r"^notes .*samples from",
          is_rare=True),
]


def explain(text, difference, version):
    for known in KNOWN:
        if known.applies(version) and known.explains(text, difference):
            known.covered += 1
            return known
    return None

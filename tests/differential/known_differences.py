"""Differences between us and a Prometheus that are explained, and the reason. Nothing else may differ.

An entry holds for peers `before` a version and not before `since`, for expressions that match `expression` and
differences that match `difference` (regular expressions). random_test.py counts how many expressions each covered;
one that covers none in a full run is an error: it is out of date.
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
    Known("functions younger than the peer",
          r"\b(ts_of_first_over_time|first_over_time|start_timestamp|histogram_quantiles|max_of|min_of)\(", before=NEWER),
    Known("start(), end(), step() and range() are younger than the peer", r"\b(start|end|step|range)\(\)", before=NEWER),
    Known("fill modifiers are younger than the peer", r"\bfill", before=NEWER),
    Known("anchored and smoothed are younger than the peer", r"\b(anchored|smoothed)\b", before=NEWER),
    Known("trimming of histograms is younger than the peer", r"</|>/", before=NEWER),
]


def explain(text, difference, version):
    for known in KNOWN:
        if known.applies(version) and known.explains(text, difference):
            known.covered += 1
            return known
    return None

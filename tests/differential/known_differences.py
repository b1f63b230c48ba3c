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


KNOWN = []


def explain(text, difference, version):
    for known in KNOWN:
        if known.applies(version) and known.explains(text, difference):
            known.covered += 1
            return known
    return None

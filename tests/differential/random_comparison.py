"""When two answers to a random expression are the same.

`exact`: same bits. Otherwise numbers may differ by 1e-12 of the larger one. `ordered`: the peer's order of series is no
accident. Texts of errors, warnings and infos are part of the answer.
"""

import json
import math
import re

RELATIVE_MAX = 1e-12
LISTED_MAX = 10  # Prometheus tells at most so many warnings, and counts the rest
ORDERED_ROOTS = ("sort(", "sort_desc(", "sort_by_label(", "sort_by_label_desc(", "topk (", "bottomk (")


def same_number(left, right, exact):
    if left == right:
        return True
    a, b = float(left), float(right)
    if math.isnan(a) or math.isnan(b):
        return math.isnan(a) and math.isnan(b)
    if exact or math.isinf(a) or math.isinf(b):
        return False
    return abs(a - b) <= RELATIVE_MAX * max(abs(a), abs(b))


def same_histogram(left, right, exact):
    if not same_number(left["count"], right["count"], exact) or not same_number(left["sum"], right["sum"], exact):
        return False
    a, b = left.get("buckets", []), right.get("buckets", [])
    return len(a) == len(b) and all(
        x[0] == y[0] and all(same_number(m, n, exact) for m, n in zip(x[1:], y[1:])) for x, y in zip(a, b))


def points(series):
    """[(time, value or histogram)] by time, floats before histograms."""
    found = series.get("values", []) + series.get("histograms", [])
    found += [series[name] for name in ("value", "histogram") if name in series]
    return sorted(found, key=lambda point: (point[0], isinstance(point[1], dict)))


def differ_in_points(ours, theirs, exact):
    left, right = points(ours), points(theirs)
    for (a_time, a), (b_time, b) in zip(left, right):
        if a_time != b_time:
            return f"a point at {a_time}, {b_time} expected"
        if isinstance(a, dict) != isinstance(b, dict):
            return f"at {a_time} {str(a)[:300]}, {str(b)[:300]} expected"
        if not (same_histogram if isinstance(a, dict) else same_number)(a, b, exact):
            return f"at {a_time} {str(a)[:900]}, {str(b)[:900]} expected"
    return f"{len(left)} points, {len(right)} expected" if len(left) != len(right) else None


def key(series):
    return json.dumps(series["metric"], sort_keys=True, ensure_ascii=False)


def differ_in_series(ours, theirs, exact):
    a, b = {key(s): s for s in ours}, {key(s): s for s in theirs}
    if len(a) != len(ours):
        return "the same labels twice"
    for missing in sorted(b.keys() - a.keys()):
        return f"no {missing}, which is expected ({len(a)} of {len(b)} series)"
    for extra in sorted(a.keys() - b.keys()):
        return f"{extra}, which is not expected ({len(a)} of {len(b)} series)"
    for name in sorted(a):
        found = differ_in_points(a[name], b[name], exact)
        if found:
            return f"{name}: {found}"
    return None


def in_order(root, result):
    """What must come in this order: labels where the order is total, values where equals may change places."""
    if root.startswith("sort_by_label"):
        return [key(series) for series in result]
    return [str(series.get("value", [0, "histogram"])[1]) for series in result]


def differ_in_data(ours, theirs, exact, text):
    if ours["resultType"] != theirs["resultType"]:
        return f"type {ours['resultType']}, {theirs['resultType']} expected"
    a, b = ours["result"], theirs["result"]
    if ours["resultType"] == "string":
        return None if a == b else f"{a}, {b} expected"
    if ours["resultType"] == "scalar":
        return None if a[0] == b[0] and same_number(a[1], b[1], exact) else f"{a}, {b} expected"
    found = differ_in_series(a, b, exact)
    if found or ours["resultType"] != "vector" or not exact or not text.startswith(ORDERED_ROOTS):
        return found
    if in_order(text, a) != in_order(text, b):
        return f"order {[key(s) for s in a]}, {[key(s) for s in b]} expected"
    return None


def notes(answer):
    """Every warning and info, or how many of each kind when Prometheus leaves some out (which is an accident)."""
    out = []
    for kind in ("warnings", "infos"):
        said = answer.get(kind, [])
        more = [re.search(r"^(\d+) more (?:warning|info) annotations omitted", text) for text in said]
        if any(more):
            out.append((kind, len(said) - 1 + int(next(m for m in more if m)[1])))
        else:
            out.append((kind, sorted(said)))
    return out


def without_series(text):
    """An error's text without the label sets it names: which of several offenders is named may be an accident."""
    return re.sub(r"[\[{].*[\]}]", "", text)


def differ(ours, theirs, tree, text):
    """None, or what is different; an answer is (HTTP status, parsed JSON).

    Without a tree nobody knows which bits are an accident.
    """
    if ours[0] != theirs[0]:
        return f"HTTP {ours[0]} {say(ours[1])}, {theirs[0]} {say(theirs[1])} expected"
    if theirs[1]["status"] == "error":
        if ours[1]["errorType"] != theirs[1]["errorType"]:
            return f"error {ours[1]['errorType']}, {theirs[1]['errorType']} expected"
        a, b = ours[1]["error"], theirs[1]["error"]
        same = a == b or (tree is not None and not tree.ordered and without_series(a) == without_series(b))
        return None if same else f"error text {a!r}, {b!r} expected"
    found = differ_in_data(ours[1]["data"], theirs[1]["data"], tree is not None and tree.exact, text)
    if found:
        return found
    if notes(ours[1]) != notes(theirs[1]):
        return f"notes {notes(ours[1])}, {notes(theirs[1])} expected"
    return None


def say(answer):
    return answer.get("error") or f"{answer['data']['resultType']} of {len(answer['data']['result'])}"

"""When two answers are the same."""

import json
import math

# Prometheus 2.x adds without compensation, so that sums and averages lose digits.
RELATIVE_MAX = {3: 1e-12, 2: 1e-9}
KEEPS_ORDER = ("sort(", "sort_desc(", "sort_by_label", "topk(", "bottomk(")


def same_number(left, right, relative_max):
    if left == right:
        return True
    a, b = float(left), float(right)
    if math.isnan(a) or math.isnan(b):
        return math.isnan(a) and math.isnan(b)
    if math.isinf(a) or math.isinf(b):
        return a == b
    return abs(a - b) <= relative_max * max(abs(a), abs(b))


def points(element):
    return element["values"] if "values" in element else [element["value"]]


def key(element):
    return json.dumps(element["metric"], sort_keys=True)


def differ_in_points(left, right, relative_max):
    if len(left) != len(right):
        return f"{len(left)} points, {len(right)} expected"
    for a, b in zip(left, right):
        if a[0] != b[0]:
            return f"a point at {a[0]}, {b[0]} expected"
        if not same_number(a[1], b[1], relative_max):
            return f"{a[1]} at {a[0]}, {b[1]} expected"
    return None


def differ_in_results(ours, theirs, relative_max, ordered):
    if ours["resultType"] != theirs["resultType"]:
        return f"type {ours['resultType']}, {theirs['resultType']} expected"
    left, right = ours["result"], theirs["result"]
    if ours["resultType"] in ("scalar", "string"):
        if ours["resultType"] == "string":
            return None if left == right else f"{left}, {right} expected"
        return differ_in_points([left], [right], relative_max)
    if ordered and [key(e) for e in left] != [key(e) for e in right]:
        return f"order {[key(e) for e in left]}, {[key(e) for e in right]} expected"
    a, b = {key(e): e for e in left}, {key(e): e for e in right}
    if len(a) != len(left):
        return "the same labels twice"
    for missing in b.keys() - a.keys():
        return f"no {missing}, which is expected ({len(left)} of {len(right)} series)"
    for extra in a.keys() - b.keys():
        return f"{extra}, which is not expected ({len(left)} of {len(right)} series)"
    for name in sorted(a):
        found = differ_in_points(points(a[name]), points(b[name]), relative_max)
        if found:
            return f"{name}: {found}"
    return None


def in_any_order(found):
    """Prometheus lists the series of one selector in the order of its index."""
    if isinstance(found, list) and found and isinstance(found[0], dict):
        return sorted(found, key=lambda entry: json.dumps(entry, sort_keys=True))
    return found


def differ(ours, theirs, relative_max=1e-12, ordered=False):
    """None, or what is different; each side is (HTTP status, parsed JSON)."""
    if ours[0] != theirs[0]:
        return f"HTTP {ours[0]} ({ours[1].get('error')}), {theirs[0]} ({theirs[1].get('error')}) expected"
    if theirs[1]["status"] == "error":
        kinds = ours[1]["errorType"], theirs[1]["errorType"]
        return None if kinds[0] == kinds[1] else f"error {kinds[0]}, {kinds[1]} expected"
    if isinstance(theirs[1]["data"], dict) and "resultType" in theirs[1]["data"]:
        return differ_in_results(ours[1]["data"], theirs[1]["data"], relative_max, ordered)
    if in_any_order(ours[1]["data"]) != in_any_order(theirs[1]["data"]):
        return f"{str(ours[1]['data'])[:200]}, {str(theirs[1]['data'])[:200]} expected"
    return None


def notes(answer):
    """Warnings and infos without the places they name."""
    said = answer[1].get("warnings", []) + answer[1].get("infos", [])
    return sorted(text.split(":")[0] for text in said)

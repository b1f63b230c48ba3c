"""From an expression that fails to a small one that still does: a node gives way to what is below it, words go, literals
become plain, selectors name one series, many steps become one."""

import random_expressions as grammar

# What may stand for any expression of its type.
PLAIN = {grammar.VECTOR: ("vector(1)", "up", "temperature_celsius"), grammar.SCALAR: ("1",),
         grammar.MATRIX: ("up[1m]",), grammar.STRING: ('""',)}
TRIES_MAX = 400


def below(node):
    for child in node.children():
        yield child
        yield from below(child)


def smaller(node):
    """Trees that are one step simpler, those that lose most first."""
    for found in below(node):
        if found.kind == node.kind:
            yield found
    if not (len(node.parts) == 1 and isinstance(node.parts[0], str)) and node.children():
        for text in PLAIN[node.kind]:
            yield grammar.Node(node.kind, [text])
    for index, part in enumerate(node.parts):
        if isinstance(part, grammar.Option):
            for text in part.simpler:
                if text != part.text:
                    rest = part.simpler[part.simpler.index(text) + 1 :] if text == "" else ()
                    yield node.with_part(index, grammar.Option(text, *rest))
    for index, part in enumerate(node.parts):
        if isinstance(part, grammar.Node):
            for found in smaller(part):
                yield node.with_part(index, found)


def roots(node, ranged):
    kinds = (grammar.VECTOR, grammar.SCALAR) if ranged else tuple(PLAIN)
    return [found for found in below(node) if found.kind in kinds]


def shrink(node, when, fails):
    """`fails(tree, when)` asks both servers. The smallest pair that fails, within TRIES_MAX questions."""
    tries = 0
    while tries < TRIES_MAX:
        ranged = "step" in when
        for candidate in [*roots(node, ranged), *smaller(node)]:
            tries += 1
            if len(str(candidate)) <= len(str(node)) + 60 and fails(candidate, when):
                node = candidate
                break
            if tries >= TRIES_MAX:
                break
        else:
            break
    return node, fewer_steps(node, when, fails)


def fewer_steps(node, when, fails):
    if "step" not in when:
        return when
    for time in (when["start"], when["end"]):
        if fails(node, {"time": time}):
            return {"time": time}
    step = when["step"]
    for index in range(int((when["end"] - when["start"]) / step) + 1):
        start = round(when["start"] + index * step, 3)
        for end in (start, round(start + step, 3)):
            if fails(node, {"start": start, "end": end, "step": step}):
                return {"start": start, "end": end, "step": step}
    return when

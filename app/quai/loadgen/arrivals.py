"""When journeys begin: an open loop. Arrivals are a Poisson process that does not wait for answers.

A closed loop (the next request after the last answer) slows down with the server and so hides its worst
times, which is called coordinated omission. Here the schedule is drawn in advance from the seed, and a
journey's time counts from when it should have begun.
"""

import random
from collections.abc import Iterator


def arrivals(seed: int, per_second: float) -> Iterator[float]:
    """Seconds since the start, ascending, without end."""
    dice = random.Random(seed)
    at = 0.0
    while True:
        at += dice.expovariate(per_second)
        yield at

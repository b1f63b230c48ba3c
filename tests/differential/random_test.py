#!/usr/bin/env python3
"""Random PromQL, asked of a real Prometheus and of baro-collector over the same samples.

usage: random_test.py BARO_COLLECTOR [--prometheus PATH] [--count N] [--seed N]
       random_test.py BARO_COLLECTOR [--prometheus PATH] --ask EXPRESSION (--time T | --start T --end T --step S)

The peer is --prometheus, else $BARO_PEERS_DIR/usr/bin/prometheus; without one the test is skipped (exit 77). The seed is
printed and accepted back (--seed or BARO_SEED). A difference that known_differences.py does not explain is shrunk and is a
failure; each comes with the line that asks it again.
"""

import argparse
import concurrent.futures
import json
import os
import random
import re
import sys
import tempfile
import time

import asking
import known_differences
import random_comparison
import random_expressions
import random_shapes
import remote_write
import servers
import shapes
import shrinking

SKIPPED = 77
FULL_RUN = 5000
SHRUNK_MAX = 40
BROKEN_SHARE = 0.06
START, END = random_shapes.START_MS / 1000, random_shapes.END_MS / 1000
STEPS = (1, 7.5, 13.7, 15, 30, 60, 60, 100, 300)
FEATURES = ("promql-experimental-functions,promql-delayed-name-removal,promql-duration-expr,promql-binop-fill-modifiers,"
            "promql-extended-range-selectors,native-histograms,use-start-timestamps")


def fill(*servers_to_fill):
    everything = random_shapes.all_series()
    for part in shapes.requests_in_time_order(everything):
        body = b"".join(remote_write.series(labels, samples) for labels, samples in part)
        for server in servers_to_fill:
            status, text = remote_write.write(server.url, body)
            if status not in (200, 204):
                raise RuntimeError(f"{server.name} refused samples: {status} {text}")
    return len(everything), sum(len(samples) for _, samples in everything)


def some_time(rng):
    """On the grid of the samples, off it, before the first and after the last."""
    moment = rng.choice((rng.uniform(START, END), rng.uniform(START, END), START - 30, END + 200))
    return round(moment) if rng.random() < 0.3 else round(moment / 15) * 15 + 5 if rng.random() < 0.5 else round(moment, 3)


def some_range(rng):
    start, step = some_time(rng), rng.choice(STEPS)
    return {"start": start, "end": round(start + step * rng.choice((0, 1, 3, 10, 25)), 3), "step": step}


class Question:
    def __init__(self, generator, rng):
        self.when = some_range(rng) if rng.random() < 0.45 else {"time": some_time(rng)}
        self.tree = generator.expression("step" in self.when)
        self.text = str(self.tree)
        if rng.random() < BROKEN_SHARE:
            self.text, self.tree = generator.damaged(self.text), None


def questions(generator, rng, arguments):
    found = [Question(generator, rng) for _ in range(arguments.count)]
    return [q for q in found if not (arguments.without and re.search(arguments.without, q.text))]


class Run:
    def __init__(self, peer, collector, version):
        self.peer, self.collector, self.version = asking.Asker(peer.url), asking.Asker(collector.url), version
        self.failures = {}
        self.refused = self.empty = 0

    def answers(self, text, when):
        path = "query_range" if "step" in when else "query"
        parameters = {"query": text, **when}
        return [asker.ask(path, parameters) for asker in (self.collector, self.peer)]

    def difference(self, text, tree, when):
        ours, theirs = self.answers(text, when)
        if ours == theirs:
            return None
        return random_comparison.differ(asking.parsed(ours), asking.parsed(theirs), tree, text)

    def put(self, question):
        ours, theirs = self.answers(question.text, question.when)
        self.refused += theirs[0] != 200
        self.empty += b'"result":[]' in theirs[1]
        if ours == theirs:
            return None
        parsed = asking.parsed(ours), asking.parsed(theirs)
        return random_comparison.differ(*parsed, question.tree, question.text)

    def unexplained(self, tree, when):
        text = str(tree)
        found = self.difference(text, tree, when)
        return found is not None and not any(
            known.applies(self.version) and known.explains(text, found) for known in known_differences.KNOWN)

    def judge(self, question, found):
        if found is None or known_differences.explain(question.text, found, self.version):
            return
        text, when = question.text, question.when
        if question.tree is not None and len(self.failures) < SHRUNK_MAX:
            tree, when = shrinking.shrink(question.tree, when, self.unexplained)
            text, found = str(tree), self.difference(str(tree), tree, when) or found
        self.failures.setdefault((text, kind_of(found)), (question.text, when, found))

    def all(self, questions):
        with concurrent.futures.ThreadPoolExecutor(max_workers=4) as pool:
            for question, found in zip(questions, pool.map(self.put, questions)):
                self.judge(question, found)


def kind_of(found):
    return re.sub(r"[0-9].*", "", found)


def report(run, collector, arguments):
    for (text, _), (before, when, found) in run.failures.items():
        times = " ".join(f"--{name} {value}" for name, value in when.items())
        print(f"DIFFERS  {text}\n         {found[:2000]}\n         from {before}")
        print(f"         random_test.py {arguments.collector} --prometheus {arguments.prometheus} {times} --ask {quote(text)}")
    code = 1 if run.failures else 0
    for known in known_differences.KNOWN:
        if not known.applies(run.version):
            continue
        print(f"explained {known.covered:5}  {known.reason}")
        if known.covered == 0 and not known.is_rare and arguments.count >= FULL_RUN and not arguments.without:
            print("          covers nothing: remove it from known_differences.py")
            code = 1
    if collector.stop() != 0:
        print("the collector did not end with 0:\n" + collector.log_text()[-2000:])
        code = 1
    return code


def quote(text):
    return "'" + text.replace("'", "'\\''") + "'"


def ask_one(run, arguments):
    when = {name: getattr(arguments, name) for name in ("time", "start", "end", "step") if getattr(arguments, name) is not None}
    ours, theirs = run.answers(arguments.ask, when)
    found = random_comparison.differ(asking.parsed(ours), asking.parsed(theirs), None, arguments.ask)
    for name, answer in (("ours", ours), ("theirs", theirs)):
        print(f"{name:7}{answer[0]} {json.dumps(asking.parsed(answer)[1], ensure_ascii=False)[:6000]}")
    print(f"differs: {found}" if found else "the same")
    return 1 if found else 0


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("collector")
    peers = os.environ.get("BARO_PEERS_DIR")
    parser.add_argument("--prometheus", default=os.path.join(peers, "usr/bin/prometheus") if peers else None)
    parser.add_argument("--count", type=int, default=FULL_RUN)
    parser.add_argument("--seed", type=int, default=int(os.environ.get("BARO_SEED", random.SystemRandom().randrange(10**9))))
    parser.add_argument("--without", help="leave out expressions that match this regular expression")
    parser.add_argument("--ask")
    for name in ("time", "start", "end", "step"):
        parser.add_argument("--" + name, type=float)
    return parser.parse_args()


def main():
    arguments = parse_arguments()
    if not arguments.prometheus or not os.access(arguments.prometheus, os.X_OK):
        print(f"skipped: no Prometheus at {arguments.prometheus}; --prometheus or BARO_PEERS_DIR names one")
        return SKIPPED
    with tempfile.TemporaryDirectory(prefix="baro-random-") as folder:
        started = []
        try:
            peer, version = servers.start_prometheus(arguments.prometheus, folder, flags=["--enable-feature=" + FEATURES])
            started.append(peer)
            collector = servers.start_collector(os.path.abspath(arguments.collector), folder)
            started.append(collector)
            series, samples = fill(peer, collector)
            run = Run(peer, collector, version)
            if arguments.ask is not None:
                return ask_one(run, arguments)
            print(f"{series} series, {samples} samples in both; BARO_SEED={arguments.seed}", flush=True)
            generator, rng = random_expressions.Generator(arguments.seed), random.Random(arguments.seed + 1)
            began = time.monotonic()
            run.all(questions(generator, rng, arguments))
            seconds = time.monotonic() - began
            code = report(run, collector, arguments)
            print(f"{arguments.count} expressions against Prometheus {'.'.join(map(str, version))} in {seconds:.0f} s "
                  f"({run.refused} refused, {run.empty} empty): {len(run.failures)} unexplained differences; "
                  f"BARO_SEED={arguments.seed}")
            return code
        finally:
            for server in started:
                server.stop()


if __name__ == "__main__":
    sys.exit(main())

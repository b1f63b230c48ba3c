#!/usr/bin/env python3
"""Hostile and broken requests against a real baro-collector: clear errors, and the process lives.

usage: bad_input_test.py BARO_COLLECTOR

Seeded (BARO_SEED); prints the seed. After all of it the collector must answer a query, hold less
memory than RSS_BYTES_MAX, and end with 0.
"""

import os
import random
import socket
import struct
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request

import remote_write
import servers

RSS_BYTES_MAX = 700 * 1024 * 1024
ROUNDS = 300


class Failures:
    def __init__(self):
        self.found = []
        self.asked = 0

    def check(self, good, what):
        self.asked += 1
        if not good:
            self.found.append(what)
            print("FAILED   " + what[:400])


def good_request(rng):
    series = []
    for i in range(rng.randrange(1, 5)):
        labels = {"__name__": f"metric_{rng.randrange(20)}", "job": "x", "i": str(i)}
        series.append(remote_write.series(labels, [(1_700_000_000_000 + i, rng.random())]))
    return b"".join(series)


def mutate(rng, raw):
    raw = bytearray(raw)
    kind = rng.randrange(4)
    if kind == 0 and raw:
        return bytes(raw[: rng.randrange(len(raw))])
    if kind == 1:
        for _ in range(rng.randrange(1, 8)):
            raw[rng.randrange(len(raw))] = rng.randrange(256)
        return bytes(raw)
    if kind == 2:
        at = rng.randrange(len(raw))
        return bytes(raw[:at] + rng.randbytes(rng.randrange(1, 20)) + raw[at:])
    return rng.randbytes(rng.randrange(1, 2000))


def remote_write_damage(url, rng, failures):
    for round_number in range(ROUNDS):
        protobuf = mutate(rng, good_request(rng))
        body = remote_write.snappy(protobuf)
        if rng.randrange(2):
            body = mutate(rng, body)
        status, text = remote_write.post(url + "/api/v1/write", body, remote_write.WRITE_HEADERS)
        # A mutation may still be a valid request.
        failures.check(status in (204, 400, 413), f"write {round_number}: {status} {text}")
        failures.check(status == 204 or text.strip(), f"write {round_number}: {status}, no reason")


def labels_field(*pairs):
    """A series with these labels as they come, and one sample."""
    labels = b"".join(remote_write.field(1, remote_write.field(1, k) + remote_write.field(2, v))
                      for k, v in pairs)
    return remote_write.field(1, labels + remote_write.sample(1, 1.0))


def remote_write_hostile(url, failures):
    good = remote_write.WRITE_HEADERS
    version_2 = "application/x-protobuf;proto=io.prometheus.write.v2.Request"
    name = ("__name__", "m")
    extreme = remote_write.series(dict([name]), [(-(1 << 63), 1.0), ((1 << 63) - 1, 1.0)])
    whole_bodies = [
        ("a claim of 4 GiB", b"\xff\xff\xff\xff\x0f" + b"\x00" * 10, good, (400, 413)),
        ("no snappy at all", b"hello", good, (400,)),
        ("gzip", b"\x1f\x8b", {**good, "Content-Encoding": "gzip"}, (415,)),
        ("text", b"", {**good, "Content-Type": "text/plain"}, (415,)),
        ("version 2, empty", b"", {**good, "Content-Type": version_2}, (400,)),
        ("version 3", b"", {**good, "Content-Type": version_2.replace("v2", "v3")}, (415,)),
        ("64 MiB of zeros", snappy_bomb(64 << 20), good, (400, 413)),
        ("nothing", b"\x00", good, (204,)),
    ]
    protobufs = [
        ("no metric name", labels_field(("a", "b")), (400,)),
        ("no labels", labels_field(), (400,)),
        ("empty label name", labels_field(name, ("", "x")), (400,)),
        ("a label of 1 MiB", labels_field(name, ("l", "x" * (1 << 20))), (400,)),
        ("10,000 labels", labels_field(name, *((f"l{i}", "v") for i in range(10_000))), (400,)),
        ("bad UTF-8", labels_field(("__name__", b"\xff\xfe")), (400,)),
        ("the same label twice", labels_field(name, name), (400,)),
        ("extreme times", extreme, (204, 400)),
    ]
    cases = whole_bodies + [(what, remote_write.snappy(protobuf), good, allowed)
                            for what, protobuf, allowed in protobufs]
    for what, body, headers, allowed in cases:
        status, text = remote_write.post(url + "/api/v1/write", body, headers)
        failures.check(status in allowed, f"write of {what}: {status} {text}, {allowed} expected")
        failures.check(status == 204 or text.strip(), f"write of {what}: {status} without a reason")


def snappy_bomb(size):
    """A valid block: one literal byte, then copies of 64 bytes."""
    out = bytearray(remote_write.varint(size) + b"\x00\x00")
    left = size - 1
    while left > 0:
        length = min(64, left)
        out += bytes([(length - 1) << 2 | 2]) + struct.pack("<H", 1)
        left -= length
    return bytes(out)


def get(url, path, parameters):
    query = urllib.parse.urlencode(parameters, doseq=True)
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    return remote_write.post(f"{url}/api/v1/{path}", query.encode(), headers)


def queries(url, rng, failures):
    hostile = [
        "(" * 100_000, "((" * 50 + "1" + "))" * 50, "-" * 100_000 + "1", "1+" * 50_000 + "1",
        "up{" + ",".join(f'l{i}="v"' for i in range(20_000)) + "}",
        'up{a=~"' + "(a*)*" * 2000 + '"}', 'up{a=~"' + "(" * 5000 + '"}', "x" * 2_000_000,
        "sum(" * 3000 + "up" + ")" * 3000, 'up{a=~"(((a{1,1000}){1,1000}){1,1000})"}',
        "count_over_time(up[100000y])", "up offset 99999999999y", "up[1h:1ms]", "up @ 1e300",
        "vector(1)[365d:1ms]", "sum_over_time(vector(1)[10000d:1ms])", "\x00\x01\x02", "?",
        "label_replace(up, 'a', '" + "$1" * 100_000 + "', 'job', '(.*)')", "1e999999",
        "0x" + "f" * 10_000,
    ]
    for text in hostile:
        started = time.monotonic()
        status, answer = get(url, "query", {"query": text, "timeout": "5s"})
        seconds = time.monotonic() - started
        good = status in (200, 400, 413, 422, 503)
        failures.check(good, f"query {text[:60]!r}…: {status} {answer[:200]}")
        failures.check(seconds < 20, f"query {text[:60]!r}… took {seconds:.1f} s")
    characters = "up{}[]()<>=!~+-*/%^@,:\"'`\\ \n\t#0123456789abcxyzeE._µ€\x00"
    words = ["sum", "by", "rate(", "[5m]", "offset", "on", "group_left", "bool", "1e9", "up", "{a=~'",
             ")", "(", "@ start()", "[1h:"]
    for _ in range(ROUNDS):
        text = "".join(rng.choice(rng.choice((words, characters)))
                       for _ in range(rng.randrange(1, 30)))
        status, answer = get(url, "query", {"query": text, "time": 1_700_000_000})
        failures.check(status in (200, 400, 422), f"query {text!r}: {status} {answer[:200]}")
        told = status == 200 or '"status":"error"' in answer
        failures.check(told, f"query {text!r}: {answer[:200]}")


def parameters(url, failures):
    status, answer = get(url, "series", {"match[]": ["up"] * 20_000})
    failures.check(status in (200, 400, 413), f"20,000 selectors: {status} {answer[:200]}")
    for path, sent in [
        ("query_range", {"query": "up", "start": "-1e308", "end": "1e308", "step": "1e-300"}),
        ("query_range", {"query": "up", "start": "0", "end": "9e15", "step": "9e9"}),
        ("query_range", {"query": "up", "start": "0", "end": "1", "step": "0.0001"}),
        ("query", {"query": "up", "time": "9" * 1000}),
        ("query", {"query": "up", "timeout": "-1"}),
        ("series", {"match[]": '{a=""}'}),
    ]:
        status, answer = get(url, path, sent)
        good = status in (200, 400, 422, 503)
        failures.check(good, f"{path} {sent}: {status} {answer[:200]}")


def raw_http(url, failures):
    host, port = url.removeprefix("http://").split(":")
    cases = [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /" + b"a" * 200_000 + b" HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 50_000 + b"\r\n",
        b"POST /api/v1/write HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n",
        b"POST /api/v1/write HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"POST /api/v1/query HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"0\r\n\r\n",
        b"POST /api/v1/query HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"GET /api/v1/label/%ff%fe/values HTTP/1.1\r\nHost: a\r\n\r\n", b"\x00" * 1000,
        b"GET /api/v1/../../etc/passwd HTTP/1.1\r\nHost: a\r\n\r\n",
    ]
    for sent in cases:
        with socket.create_connection((host, int(port)), timeout=20) as client:
            answer = b""
            try:
                client.sendall(sent)
                client.shutdown(socket.SHUT_WR)
                answer = client.recv(65536)
            except OSError:
                pass  # cut off, as it should be
            bad = answer.startswith(b"HTTP/1.1 5") or answer.startswith(b"HTTP/1.1 200")
            failures.check(not bad, f"raw {sent[:60]!r}: {answer[:100]!r}")
    idle = [socket.create_connection((host, int(port)), timeout=20) for _ in range(500)]
    for client in idle:
        client.sendall(b"GET / HT")  # and never the rest
    status, _ = get(url, "query", {"query": "1"})
    failures.check(status == 200, f"a query beside 500 half-open requests: {status}")
    for client in idle:
        client.close()


def main():
    seed = int(os.environ.get("BARO_SEED", random.randrange(1 << 32)))
    print(f"BARO_SEED={seed}")
    rng, failures = random.Random(seed), Failures()
    with tempfile.TemporaryDirectory(prefix="baro-bad-input-") as folder:
        binary = os.path.abspath(sys.argv[1])
        collector = servers.start_collector(binary, folder, "--query.timeout=10s")
        try:
            remote_write_damage(collector.url, rng, failures)
            remote_write_hostile(collector.url, failures)
            queries(collector.url, rng, failures)
            parameters(collector.url, failures)
            raw_http(collector.url, failures)
            status, answer = get(collector.url, "query", {"query": "1+1"})
            good = status == 200 and '"2"' in answer
            failures.check(good, f"a good query afterwards: {status} {answer}")
            rss = collector.rss_bytes()
            failures.check(rss < RSS_BYTES_MAX, f"resident memory {rss >> 20} MiB")
            print(f"{failures.asked} checks, {len(failures.found)} failed; {rss >> 20} MiB resident")
        except Exception:
            print(collector.log_text()[-3000:])
            raise
        finally:
            alive = collector.alive()
            code = collector.stop()
        failures.check(alive and code == 0, f"the collector lived: {alive}; exit code {code}")
    return 1 if failures.found else 0


if __name__ == "__main__":
    sys.exit(main())

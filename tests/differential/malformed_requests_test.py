#!/usr/bin/env python3
"""10,000 malformed requests against a real baro-collector: a proper error or a close, every time.

usage: malformed_requests_test.py BARO_COLLECTOR

Seeded (BARO_SEED, printed); BARO_REQUESTS changes the number. Broken request lines, headers, URLs,
escapes, encodings, chunking, JSON, forms, protobuf. Afterwards the collector must answer, hold no
connection, no more memory than RSS_GROWTH_BYTES_MAX above what it held after the first tenth, and
end with 0.
"""

import gzip
import os
import random
import re
import socket
import sys
import tempfile
import urllib.parse
import zlib

import remote_write
import servers

REQUESTS = int(os.environ.get("BARO_REQUESTS", "10000"))
RSS_GROWTH_BYTES_MAX = 96 * 1024 * 1024
# What a request may be answered with. 500 and 200 are judged by themselves.
STATUSES = {200, 204, 301, 302, 307, 400, 401, 403, 404, 405, 406, 413, 414, 415, 417, 422, 431, 499,
            500, 501, 503, 505}

PATHS = ["query", "query_range", "query_exemplars", "series", "labels", "label/a/values", "metadata",
         "format_query", "parse_query", "rules", "alerts", "targets", "targets/metadata",
         "targets/relabel_steps", "status/tsdb", "status/self_metrics", "features", "openapi.yaml",
         "write", "read", "otlp/v1/metrics", "admin/tsdb/delete_series", "search/metric_names",
         "baro/cardinality", "nothing"]
OTHER_PATHS = ["/", "/federate", "/-/healthy", "/-/ready", "/-/quit", "/metrics", "/version", "/rules"]
NAMES = ["query", "time", "start", "end", "step", "match[]", "limit", "timeout", "lookback_delta",
         "stats", "metric", "type", "file[]", "group_limit", "group_next_token", "labels",
         "scrapePool", "skip_head", "metric_name_pattern", "state", "x"]
VALUES = ["", "up", "up{", "rate(up[5m])", "-1", "0", "1e309", "-1e309", "NaN", "Inf", "9" * 40, "1s",
          "1y" * 50, "5m:", "{}", "{a=''}", "{__name__=~'.*'}", "(" * 300, "[" * 50, "\\", "'", '"',
          "\x00", "\xff", "ä€😀", "%", "true", "2020-01-01T00:00:00Z", "2020-99-99T99:99:99Z",
          "-292273086-05-16T16:47:06Z", "all", "0x", "1_000", "sum(", "a.b", "U__", "U___",
          "a" * 5000, "/*", "${jndi:ldap://x}", "../../etc/passwd", "1;2", "1&2", "\r\nX: y"]


def one_of(rng, *makers):
    return rng.choice(makers)(rng)


def text(rng):
    if rng.random() < 0.6:
        return rng.choice(VALUES).encode("utf-8", "surrogateescape")
    return rng.randbytes(rng.randrange(30))


def form(rng):
    """Pairs, escaped well, badly or not at all."""
    pairs = []
    for _ in range(rng.randrange(6)):
        value = text(rng)
        kind = rng.randrange(4)
        if kind < 2:
            value = urllib.parse.quote_from_bytes(value).encode()
        elif kind == 2:
            value = b"%" + value[:1] + b"%z" + urllib.parse.quote_from_bytes(value[1:]).encode()
        pairs.append(rng.choice(NAMES).encode() + rng.choice([b"=", b"=", b"==", b""]) + value)
    return rng.choice([b"&", b"&", b"&&", b";"]).join(pairs)


def target(rng):
    path = rng.choice(OTHER_PATHS) if rng.random() < 0.2 else "/api/v1/" + rng.choice(PATHS)
    path = path.encode()
    kind = rng.randrange(12)
    if kind == 0:
        path = rng.choice([b"*", b"http://x" + path, b"//" + path, path + b"/", b"/..;" + path,
                           path + b"/%2e%2e/", b"/%zz" + path, b"/%00", path + b"%FF", b"x" + path,
                           path * 30, b"", b"/" * 2000, b"?" * 100, b"#" + path])
    elif kind == 1:
        path += urllib.parse.quote_from_bytes(text(rng)).encode()
    return path + (b"?" + form(rng) if rng.random() < 0.7 else b"")


def safe(target_bytes, rng):
    """Most targets without what ends a request line; a few as they are."""
    if rng.random() < 0.97:
        return re.sub(rb"[\x00-\x20\x7f]", b"%20", target_bytes)
    return target_bytes


def broken_header(rng):
    return rng.choice([
        b"Host:", b"Host: a\r\nHost: b", b"X" * rng.randrange(1, 3000) + b": y", b": y", b"NoColon",
        b"X:\x00", b" folded: x", b"X: y\r\n folded", b"X\t: y", b"X\x80: y"])


def header(rng):
    if rng.random() < 0.1:
        return broken_header(rng)
    return rng.choice([
        b"Host: a",
        b"Accept-Encoding: " + rng.choice([b"gzip;q=", b"gzip;q=2", b";;,,", b"zstd;q=0,*", b"x" * 900]),
        b"Accept: " + rng.choice([b"a/b;q=x", b"application/vnd.google.protobuf;proto=", b";;;,,="]),
        b"Content-Encoding: " + rng.choice([b"gzip", b"zstd", b"snappy", b"br", b"deflate", b"x" * 99]),
        b"Content-Type: " + rng.choice([b"application/x-www-form-urlencoded", b"application/json",
                                        b"multipart/form-data", b"multipart/form-data; boundary=x",
                                        b"multipart/form-data; boundary=" + b"b" * 300,
                                        b"application/x-protobuf", b"application/x-protobuf;proto=x",
                                        b"\xff/\xff", b""]),
        b"Authorization: " + rng.choice([b"Basic", b"Basic !!!", b"Basic " + b"A" * 5000, b"Bearer "]),
        b"Expect: " + rng.choice([b"100-continue", b"200-ok", b""]),
        b"Origin: " + text(rng).replace(b"\r", b"").replace(b"\n", b"").replace(b"\0", b""),
        b"Connection: " + rng.choice([b"close", b"keep-alive, x", b"upgrade\r\nUpgrade: h2c", b""]),
        b"Range: bytes=0-", b"Cookie: " + b"c" * rng.randrange(2000), b"X-Dashboard-Uid: \xff",
    ])


def body(rng):
    raw = one_of(rng, form, lambda r: r.randbytes(r.randrange(300)),
                 lambda r: b'{"query": ' * r.randrange(100) + text(r),
                 lambda r: b'--x\r\nContent-Disposition: form-data; name="query"\r\n' + text(r) + b"\r\n--x",
                 lambda r: remote_write.snappy(r.randbytes(r.randrange(50))),
                 lambda r: remote_write.snappy(remote_write.field(1, r.randbytes(20))))
    kind = rng.randrange(6)
    if kind == 0:
        raw = gzip.compress(raw)
    elif kind == 1:
        raw = zlib.compress(raw)[: rng.randrange(1, 30)]
    return raw


def framed(rng, raw):
    """The length header and the body as it travels, right or wrong."""
    kind = rng.randrange(10)
    if kind < 5:
        return b"Content-Length: %d" % len(raw), raw
    if kind == 5:
        length = rng.choice([b"-1", b"x", b"", b"1e3", b"0x10", b"9" * 30, b"+5", b"5, 6",
                             b"5\r\nContent-Length: 6", b"99999999999"])
        return b"Content-Length: " + length, raw
    if kind == 6:
        return b"Content-Length: %d" % (len(raw) + rng.randrange(1, 50)), raw
    size = rng.choice([b"%x" % len(raw), b"zz", b"-5", b"", b"FFFFFFFFFFFFFFFFF", b"%x;ext=\"" % len(raw),
                       b"%x" % (len(raw) + 3)])
    chunks = size + rng.choice([b"\r\n", b"\n", b"\r"]) + raw + rng.choice([b"\r\n0\r\n\r\n", b"0\r\n", b""])
    coding = rng.choice([b"chunked", b"chunked", b"gzip, chunked", b"chunked, chunked", b"identity",
                         b"chunked\r\nContent-Length: 3"])
    return b"Transfer-Encoding: " + coding, chunks


def request(rng):
    if rng.random() < 0.05:
        return rng.randbytes(rng.randrange(1, 500))
    method = rng.choice([b"GET"] * 8 + [b"POST"] * 8 + [b"PUT", b"DELETE", b"HEAD", b"OPTIONS", b"PATCH",
                         b"TRACE", b"CONNECT", b"PRI", b"get", b"G E T", b"\x00", b"", b"X" * 300])
    version = rng.choice([b"HTTP/1.1"] * 50 + [b"HTTP/1.0", b"HTTP/2.0", b"HTTP/0.9", b"HTTP/11", b"http/1.1",
                                               b"", b"HTTP/1.1 x"])
    lines = [method + rng.choice([b" "] * 40 + [b"  ", b"\t", b""]) + safe(target(rng), rng) + b" " + version]
    lines += [header(rng) for _ in range(rng.randrange(5))]
    if rng.random() < 0.02:
        lines += [b"A: b"] * 2000
    sent = b""
    if method in (b"POST", b"PUT", b"PATCH") or rng.random() < 0.1:
        length, sent = framed(rng, body(rng))
        lines.append(length)
    raw = rng.choice([b"\r\n"] * 40 + [b"\n", b"\r"]).join(lines) + b"\r\n\r\n" + sent
    kind = rng.randrange(12)
    if kind == 0:
        return raw[: rng.randrange(1, len(raw))]
    if kind == 1:
        damaged = bytearray(raw)
        for _ in range(rng.randrange(1, 6)):
            damaged[rng.randrange(len(damaged))] = rng.randrange(256)
        return bytes(damaged)
    if kind == 2:
        return raw + raw[: rng.randrange(1, len(raw))]  # pipelined, the second one cut
    return raw


def exchange(address, raw):
    """Everything the collector says to it."""
    answer = b""
    with socket.create_connection(address, timeout=30) as client:
        try:
            client.sendall(raw)
            client.shutdown(socket.SHUT_WR)
            while part := client.recv(65536):
                answer += part
        except OSError:
            pass  # cut off
    return answer


def judge(answer):
    """None, or what is wrong with it."""
    if not answer:
        return None  # closed
    first = re.match(rb"HTTP/1\.1 (\d{3}) [^\r\n]*\r\n", answer)
    if not first and not answer.startswith(b"HTTP/1.1 100 Continue\r\n\r\n"):
        return "not an answer"
    if not first:
        return judge(answer.split(b"\r\n\r\n", 1)[1])
    status = int(first[1])
    if status == 100:
        return judge(answer.split(b"\r\n\r\n", 1)[1])
    if status not in STATUSES:
        return f"status {status}"
    said = answer.split(b"\r\n\r\n", 1)[1]
    # Parts of the API that are off are the only 500 there may be.
    if status == 500 and said and b'"unavailable"' not in said:
        return "500"
    return None


def main():
    seed = int(os.environ.get("BARO_SEED", random.randrange(1 << 32)))
    print(f"BARO_SEED={seed}")
    rng = random.Random(seed)
    # AddressSanitizer keeps freed memory back to catch its users: little of it, so that growth is still seen.
    os.environ["ASAN_OPTIONS"] = os.environ.get("ASAN_OPTIONS", "") + ":quarantine_size_mb=4"
    failures, statuses, rss_early = [], {}, 0
    with tempfile.TemporaryDirectory(prefix="baro-malformed-") as folder:
        collector = servers.start_collector(os.path.abspath(sys.argv[1]), folder, "--query.timeout=5s")
        host, port = collector.url.removeprefix("http://").split(":")
        try:
            for number in range(REQUESTS):
                raw = request(rng)
                answer = exchange((host, int(port)), raw)
                status = answer[9:12].decode(errors="replace") if answer else "closed"
                statuses[status] = statuses.get(status, 0) + 1
                wrong = judge(answer)
                if wrong:
                    failures.append(f"{number}: {wrong}: {raw[:300]!r}: {answer[:300]!r}")
                if number == REQUESTS // 10:
                    rss_early = collector.rss_bytes()
            good = exchange((host, int(port)), b"GET /api/v1/query?query=1%2B1 HTTP/1.0\r\n\r\n")
            if b'"2"]' not in good:
                failures.append(f"a good query afterwards: {good!r}")
            grown = collector.rss_bytes() - rss_early
            if grown > RSS_GROWTH_BYTES_MAX:
                failures.append(f"resident memory grew by {grown >> 20} MiB")
            for failure in failures[:20]:
                print("FAILED   " + failure)
            print(f"{REQUESTS} malformed requests: {dict(sorted(statuses.items()))}; "
                  f"{len(failures)} failures; memory grew by {grown >> 10} KiB")
        finally:
            alive = collector.alive()
            code = collector.stop()
        if not alive or code != 0:
            failures.append("died")
            print(f"the collector lived: {alive}; exit code {code}\n{collector.log_text()[-3000:]}")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())

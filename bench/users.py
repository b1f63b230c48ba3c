"""Many people with a dashboard open while samples come in: latency, failures and cost of a query, and what ingest feels of it.

Every user refreshes a dashboard of 20 panels every 30 s, six of them at a time as browsers do, each at a moment of its own. Users
look at other hosts and widths, so that some ask the same and most do not. Meanwhile one row of all series is sent every so often.
"""
import asyncio
import json
import math
import random
import struct
import time

import dashboards
import systems

PANELS = [query for query in dashboards.QUERIES if query[1] in ('range', 'instant')][:20]
CONNECTIONS = 6  # of one browser to one host
WIDTHS_S = (1800, 3600, 3600, 5400)
POINTS = 240
HEAD = struct.Struct('=IIII')  # request_stream.h
SENDERS = 4
# Holds every series of the fleet for the whole window: far beyond what a query may take (users_limit).
GREEDY = '{__name__=~".+"} * 1'


class Connection:
    """HTTP/1.1 kept alive, answers of a known length."""

    def __init__(self, address):
        self.host, self.port = address.rsplit(':', 1)
        self.reader = self.writer = None

    async def exchange(self, head, body=b''):
        if self.writer is None:
            self.reader, self.writer = await asyncio.open_connection(self.host, int(self.port), limit=1 << 20)
        self.writer.write(head + body)
        answer = await self.reader.readuntil(b'\r\n\r\n')
        lines = answer.decode('latin-1').split('\r\n')
        length = next((int(line.split(':')[1]) for line in lines if line.lower().startswith('content-length:')), 0)
        return int(lines[0].split()[1]), await self.reader.readexactly(length)

    async def get(self, path):
        return await self.exchange(f'GET {path} HTTP/1.1\r\nHost: {self.host}\r\n\r\n'.encode())

    async def post(self, path, body):
        head = (f'POST {path} HTTP/1.1\r\nHost: {self.host}\r\nContent-Type: application/x-protobuf\r\nContent-Encoding: snappy\r\n'
                f'X-Prometheus-Remote-Write-Version: 0.1.0\r\nContent-Length: {len(body)}\r\n\r\n')
        return await self.exchange(head.encode(), body)

    def close(self):
        if self.writer is not None:
            self.writer.close()
        self.writer = None


def rows_of(path):
    """[[(samples, body)]] by row, of a stream that remote_write_replay has encoded."""
    rows = {}
    with open(path, 'rb') as file:
        while head := file.read(HEAD.size):
            _, row, samples, size = HEAD.unpack(head)
            rows.setdefault(row, []).append((samples, file.read(size)))
    return [rows[row] for row in sorted(rows)]


class Ingest:
    """Sends a row at a time, at a steady pace; `now_s` is the time of the newest one."""

    def __init__(self, address, rows, first_s, interval_s, pace_s):
        self.connections = [Connection(address) for _ in range(SENDERS)]
        self.rows, self.interval_s, self.pace_s = rows, interval_s, pace_s
        self.now_s, self.took_ms, self.samples, self.refused, self.late_s = first_s, [], 0, 0, 0.0

    async def run(self):
        due = time.monotonic()
        for row in self.rows:
            due += self.pace_s
            self.late_s = max(self.late_s, time.monotonic() - due)
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            await asyncio.gather(*(self.send(connection, row[i::SENDERS]) for i, connection in enumerate(self.connections)))
            self.now_s += self.interval_s

    async def send(self, connection, requests):
        for samples, body in requests:
            begin = time.perf_counter()
            status, _ = await connection.post('/api/v1/write', body)
            self.took_ms.append((time.perf_counter() - begin) * 1000)
            self.samples += samples if status < 300 else 0
            self.refused += status >= 300


class User:
    def __init__(self, address, number, hosts, asked):
        choice = random.Random(number)
        self.connections = [Connection(address) for _ in range(CONNECTIONS)]
        self.selected = f'instance="host-{choice.randrange(hosts):05d}:9100"'
        self.width_s = choice.choice(WIDTHS_S)
        self.begin = choice.random()
        self.asked = asked  # [(ms, status, bytes)]

    def paths(self, now_s):
        step = max(15, self.width_s // POINTS)
        window = dashboards.Window(now_s, self.width_s, step)
        selected, dashboards.SELECTED = dashboards.SELECTED, self.selected
        try:
            return [window.path(kind, text) for _, kind, text in PANELS]
        finally:
            dashboards.SELECTED = selected

    async def refresh(self, now_s):
        waiting = self.paths(now_s)

        async def work(connection):
            while waiting:
                path = waiting.pop(0)
                begin = time.perf_counter()
                status, body = await connection.get(path)
                self.asked.append(((time.perf_counter() - begin) * 1000, status, len(body)))

        await asyncio.gather(*map(work, self.connections))

    async def run(self, ingest, refresh_s, until):
        await asyncio.sleep(self.begin * refresh_s)
        while time.monotonic() < until:
            begin = time.monotonic()
            await self.refresh(ingest.now_s)
            await asyncio.sleep(max(0.0, begin + refresh_s - time.monotonic()))
        for connection in self.connections:
            connection.close()


async def be_greedy(address, ingest, until):
    """Asks for more than a query may take, again and again. [(status, error)]."""
    connection, told = Connection(address), []
    while time.monotonic() < until:
        path = dashboards.Window(ingest.now_s, 3600, 15).path('range', GREEDY)
        status, body = await connection.get(path)
        told.append((status, json.loads(body).get('error', '')))
        await asyncio.sleep(0.5)
    connection.close()
    return told


def rank(values, share):
    ordered = sorted(values)
    return ordered[math.ceil(share * len(ordered)) - 1] if ordered else float('nan')


async def stretch(server, ingest, users, options, greedy=False):
    """One stretch with so many users; figures of queries and of ingest."""
    asked, hosts = [], options.users_hosts
    crowd = [User(server.address(), number, hosts, asked) for number in range(users)]
    first, refused, cpu, begin = len(ingest.took_ms), ingest.refused, server.cpu(), time.monotonic()
    samples = ingest.samples
    until = begin + options.users_seconds
    waiting = [user.run(ingest, options.users_refresh, until) for user in crowd]
    if greedy:
        waiting.append(be_greedy(server.address(), ingest, until))
    waiting.append(asyncio.sleep(options.users_seconds))
    done = await asyncio.gather(*waiting)
    took, seconds = ingest.took_ms[first:], time.monotonic() - begin
    figures = {'users': users, 'seconds': seconds, 'queries': len(asked), 'failed': sum(status != 200 for _, status, _ in asked),
               'p50': rank([ms for ms, _, _ in asked], 0.5), 'p99': rank([ms for ms, _, _ in asked], 0.99),
               'most': max((ms for ms, _, _ in asked), default=float('nan')),
               'cpu_share': (server.cpu() - cpu) / seconds, 'ingest_p50': rank(took, 0.5), 'ingest_p99': rank(took, 0.99),
               'ingest_rate': (ingest.samples - samples) / seconds, 'ingest_refused': ingest.refused - refused}
    if greedy:
        told = done[len(crowd)]
        figures['greedy'] = {'asked': len(told), 'refused': sum(status == 422 for status, _ in told),
                             'reason': next((error for status, error in told if status != 200), '')}
    return figures


async def run(server, path, plan, rows_before, options):
    """[figures]: nobody, one user, and so on; the last stretch has a greedy query beside it."""
    rows = rows_of(path)
    end_s = (plan['start_ms'] + rows_before * plan['interval_ms']) // 1000
    ingest = Ingest(server.address(), rows, end_s, plan['interval_ms'] // 1000, options.users_pace)
    sending = asyncio.create_task(ingest.run())
    counts = [int(count) for count in options.users_counts.split(',')]
    found = []
    for users in (0, *counts):
        found.append(await stretch(server, ingest, users, options))
        # What ingest costs is known from the stretch without users.
        extra = found[-1]['cpu_share'] - found[0]['cpu_share']
        found[-1]['cpu'] = extra * found[-1]['seconds'] * 1000 / max(1, found[-1]['queries'])
    found.append(await stretch(server, ingest, counts[-1], options, greedy=True))
    if sending.done():
        raise RuntimeError(f'{len(rows)} rows were too few for {len(found)} stretches')
    sending.cancel()
    found[0]['late_s'] = ingest.late_s
    return found


def measure(name, corpus, options, base_plan, load):
    """A server with an hour and a half in memory, then the users. {'series', 'stretches'}."""
    plan = base_plan(corpus, options.users_series, options.users_rows)
    counts = len(options.users_counts.split(',')) + 2
    live = math.ceil(counts * (options.users_seconds + options.users_refresh + 2) / options.users_pace) + 10
    options.users_hosts = plan['instances']
    with systems.running(name, options) as server:
        load(server, corpus, plan, options.users_rows)
        path, encoded = corpus.encode(dict(plan, first_row=options.users_rows, rows=live))
        stretches = asyncio.run(run(server, path, plan, options.users_rows, options))
        return {'series': encoded['series'], 'rows': options.users_rows, 'pace': options.users_pace,
                'refresh': options.users_refresh, 'panels': len(PANELS), 'rss': server.rss(), 'peak': server.peak(),
                'stretches': stretches}


def is_undisturbed(found):
    """What issue 4 asks for, of one system's figures: sentences about what does not hold."""
    before, crowded = found['stretches'][0], found['stretches'][-2]
    for at in found['stretches']:
        if at['failed']:
            yield f'{at["failed"]} of {at["queries"]} queries of {at["users"]} users failed'
    if crowded['p99'] > 100:
        yield f'p99 of {crowded["users"]} users is {crowded["p99"]:.0f} ms'
    if crowded['ingest_p99'] > 2 * before['ingest_p99'] + 5:
        yield f'p99 of writes went from {before["ingest_p99"]:.0f} to {crowded["ingest_p99"]:.0f} ms'
    greedy = found['stretches'][-1]['greedy']
    if greedy['refused'] != greedy['asked'] or 'query.memory-limit' not in greedy['reason']:
        yield f'{greedy["refused"]} of {greedy["asked"]} greedy queries refused: {greedy["reason"][:120]}'

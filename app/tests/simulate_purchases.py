"""Purchases by the hundred thousand, many at a time, for the same few seats: how many were sold twice?

usage: python app/tests/simulate_purchases.py COUNT [WORKERS]     prints the figures; exit 1 on the first oversold seat

Every purchase is the store's own transactions (hold, order, pay; one in three is cancelled), on a PostgreSQL of its
own without fsync. Not collected by pytest: it takes minutes.
"""

import asyncio
import random
import sys
import tempfile
import time
from pathlib import Path
from uuid import uuid4

import psycopg

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from quai.orders import store
from quai.schema import migrate
from quai.seed import add_sailings
from stack.fleet import Fleet, free_ports
from stack.postgres import Postgres

SAILINGS, SEATS = 20, 40


async def worker(url: str, number: int, count: int) -> dict[str, int]:
    dice = random.Random(number)
    seen = {"sold": 0, "taken": 0, "cancelled": 0}
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        for _ in range(count):
            sailing, seats = dice.randint(1, SAILINGS), dice.sample(range(1, SEATS + 1), dice.randint(1, 2))
            hold_id, order_id, customer = uuid4(), uuid4(), f"c{number}"
            try:
                async with connection.transaction():
                    await store.place_hold(connection, hold_id, customer, sailing, seats, 600)
            except store.ConflictError:
                seen["taken"] += 1
                continue
            async with connection.transaction():
                cents = await store.begin_order(connection, order_id, hold_id, customer)
            async with connection.transaction():
                assert await store.finish_paid(connection, order_id, hold_id, customer, "ref", cents)
            seen["sold"] += 1
            # So that there are always seats to fight for.
            if dice.random() < 0.97:
                async with connection.transaction():
                    await store.cancel_order(connection, order_id, customer)
                seen["cancelled"] += 1
    return seen


async def run(url: str, count: int, workers: int) -> dict[str, int]:
    async with await psycopg.AsyncConnection.connect(url) as connection:
        await add_sailings(connection, SAILINGS, SEATS)
    parts = await asyncio.gather(*(worker(url, i, count // workers) for i in range(workers)))
    total = {key: sum(part[key] for part in parts) for key in parts[0]}
    async with await psycopg.AsyncConnection.connect(url) as connection:
        total["oversold"] = await store.count_oversold(connection)
        cursor = await connection.execute("SELECT count(DISTINCT order_id) FROM order_lines WHERE active")
        row = await cursor.fetchone()
        assert row
        assert row[0] == total["sold"] - total["cancelled"]
    return total


def main() -> int:
    count, workers = int(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 8
    with tempfile.TemporaryDirectory(prefix="quai-simulate-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o755)
        fleet = Fleet(folder)
        try:
            postgres = Postgres(fleet, *free_ports(2))
            postgres.start(with_exporter=False)
            postgres.execute("ALTER SYSTEM SET synchronous_commit = off")
            postgres.execute("SELECT pg_reload_conf()")
            migrate(postgres.url())
            began = time.monotonic()
            total = asyncio.run(run(postgres.url(), count, workers))
            print(f"{count} attempts by {workers} at a time in {time.monotonic() - began:.0f} s: {total}")
        finally:
            fleet.stop()
    return 1 if total["oversold"] else 0


if __name__ == "__main__":
    sys.exit(main())

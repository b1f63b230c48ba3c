"""Delivery: at least once, retried ever later, given up in the end, shared by workers."""

import asyncio
from typing import Any

import psycopg
import pytest
from conftest import fetch

from quai.metrics import ServiceMetrics
from quai.notifier.outbox import ATTEMPTS_MAX, DeliveryError, Outbox
from quai.orders import store
from quai.schema import migrate

TOPIC = "order.paid"


@pytest.fixture
def quiet_url(application: Any) -> str:
    """A database of its own: the running notifier would take the events away."""
    name = "outbox"
    if not application.postgres.execute(f"SELECT 1 FROM pg_database WHERE datname = '{name}'"):
        application.postgres.execute(f"CREATE DATABASE {name}")
    url = str(application.postgres.url(database=name))
    migrate(url)
    application.postgres.execute("DELETE FROM outbox", database=name)
    return url


async def put(url: str, count: int) -> None:
    async with await psycopg.AsyncConnection.connect(url) as connection:
        for i in range(count):
            await store.enqueue(connection, TOPIC, {"order_id": str(i)})


def test_what_fails_is_tried_again_later_and_given_up_at_last(quiet_url: str) -> None:
    waits: list[float] = []

    async def refuse(_topic: str, _payload: dict[str, Any], _event: int) -> None:
        raise DeliveryError("away")

    async def run() -> None:
        outbox = Outbox(ServiceMetrics("test", "1"))
        await put(quiet_url, 1)
        async with await psycopg.AsyncConnection.connect(quiet_url) as connection:
            for _ in range(ATTEMPTS_MAX):
                async with connection.transaction():
                    assert await outbox.deliver_due(connection, refuse) == 1
                    cursor = await connection.execute("SELECT extract(epoch FROM due_at - now())::float8 FROM outbox")
                    waits.append((await cursor.fetchall())[0][0])
                    await connection.execute("UPDATE outbox SET due_at = now()")
            assert await outbox.deliver_due(connection, refuse) == 0

    asyncio.run(run())
    assert waits == [2.0**i for i in range(ATTEMPTS_MAX)]
    rows = asyncio.run(fetch(quiet_url, "SELECT attempts, dead_at IS NOT NULL, last_error FROM outbox"))
    assert rows == [(ATTEMPTS_MAX, True, "away")]


def test_two_workers_share_events_and_one_that_dies_gives_its_own_back(quiet_url: str) -> None:
    seen: list[int] = []

    async def take(_topic: str, _payload: dict[str, Any], event: int) -> None:
        seen.append(event)

    async def run() -> None:
        outbox = Outbox(ServiceMetrics("test", "1"))
        await put(quiet_url, 30)
        first = await psycopg.AsyncConnection.connect(quiet_url)
        second = await psycopg.AsyncConnection.connect(quiet_url)
        assert await outbox.deliver_due(first, take) == 20
        assert await outbox.deliver_due(second, take) == 10
        assert len(set(seen)) == 30
        await second.commit()
        await first.close()  # died before its commit
        third = await psycopg.AsyncConnection.connect(quiet_url)
        assert await outbox.deliver_due(third, take) == 20
        await third.commit()
        await second.close()
        await third.close()

    asyncio.run(run())
    assert asyncio.run(fetch(quiet_url, "SELECT count(*) FROM outbox WHERE delivered_at IS NULL")) == [(0,)]

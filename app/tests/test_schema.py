"""Migrations: forward, twice at once, and today's build on the schema before."""

import asyncio
import json
import time
from concurrent.futures import ThreadPoolExecutor
from uuid import uuid4

from conftest import new_sailing, transaction

from quai import schema
from quai.orders import store
from stack.application import Application
from stack.fleet import http


def fresh(application: Application, name: str) -> str:
    application.postgres.execute(f"DROP DATABASE IF EXISTS {name}")
    application.postgres.execute(f"CREATE DATABASE {name}")
    return application.postgres.url(database=name)


def version(application: Application, name: str) -> str:
    return application.postgres.execute("SELECT version_num FROM alembic_version", database=name)


def test_jobs_started_at_once_migrate_once(application: Application) -> None:
    url = fresh(application, "race")
    with ThreadPoolExecutor(3) as pool:
        list(pool.map(lambda _: schema.migrate(url), range(3)))
    assert version(application, "race") == schema.HEAD


def test_todays_build_sells_on_the_schema_before(application: Application) -> None:
    url = fresh(application, "previous")
    schema.migrate(url, schema.OLDEST_SERVED)

    async def sell() -> str:
        sailing = await new_sailing(url, 3)
        hold_id, order_id = uuid4(), uuid4()
        async with transaction(url) as connection:
            await store.place_hold(connection, hold_id, "a", sailing, [1], 60)
            cents = await store.begin_order(connection, order_id, hold_id, "a")
            await store.finish_paid(connection, order_id, hold_id, "a", "ref", cents)
            return str((await store.read_order(connection, order_id, "a"))["state"])

    assert asyncio.run(sell()) == "paid"
    schema.migrate(url)
    assert version(application, "previous") == schema.HEAD


def test_a_service_is_alive_but_not_ready_without_its_schema(application: Application) -> None:
    """The orders of the running Quai see their schema vanish and come back."""
    instance = application.instances["orders-1"]
    assert application.ready(instance)
    application.postgres.execute("ALTER TABLE alembic_version RENAME TO hidden")
    try:
        wait_ready(application, False)
        status, text = http(f"{instance.url}/readyz")
        assert (status, json.loads(text)["ready"]) == (503, False)
        assert http(f"{instance.url}/livez")[0] == 200
    finally:
        application.postgres.execute("ALTER TABLE hidden RENAME TO alembic_version")
    wait_ready(application, True)


def wait_ready(application: Application, wanted: bool) -> None:
    deadline = time.monotonic() + 10
    while any(application.ready(instance) != wanted for instance in application.of("orders")):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    if wanted:
        while application.ask("/v1/orders/x")[0] != 422:  # the proxy has seen it too
            assert time.monotonic() < deadline
            time.sleep(0.05)

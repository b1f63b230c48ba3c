"""One Quai for the whole run: real PostgreSQL, real Traefik, every service, no load."""

import sys
import tempfile
import uuid
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import psycopg
import pytest

APP = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(APP))

from quai.seed import add_sailings  # noqa: E402
from stack.application import Application  # noqa: E402
from stack.fleet import Fleet  # noqa: E402


@pytest.fixture(scope="session")
def application() -> Iterator[Application]:
    with tempfile.TemporaryDirectory(prefix="quai-test-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o755)  # PostgreSQL's user must be able to enter
        fleet = Fleet(folder)
        try:
            running = Application(fleet, Path(sys.prefix))
            running.start(with_load=False, with_exporter=False)
            yield running
            fleet.check()
        finally:
            fleet.stop()


@pytest.fixture
def database_url(application: Application) -> str:
    return application.postgres.url()


@asynccontextmanager
async def transaction(url: str) -> AsyncIterator[psycopg.AsyncConnection]:
    async with await psycopg.AsyncConnection.connect(url) as connection:
        yield connection


async def new_sailing(url: str, seats: int) -> int:
    """The number of a sailing that no other test knows."""
    async with transaction(url) as connection:
        await add_sailings(connection, 1, seats)
        cursor = await connection.execute("SELECT max(id) FROM sailings")
        row = await cursor.fetchone()
    assert row
    return int(row[0])


def new_key() -> str:
    return uuid.uuid4().hex


async def fetch(url: str, statement: str, *arguments: object) -> list[tuple[object, ...]]:
    async with transaction(url) as connection:
        cursor = await connection.execute(statement, arguments)
        return await cursor.fetchall()

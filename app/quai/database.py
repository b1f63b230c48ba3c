"""The connection pool: sized, with a deadline for everything, and watched."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from time import perf_counter
from typing import Any

from prometheus_client import Counter, Gauge, Histogram
from psycopg import AsyncConnection
from psycopg.rows import TupleRow
from psycopg_pool import AsyncConnectionPool, PoolTimeout

from quai.config import Settings
from quai.metrics import POOL_BUCKETS_S, ServiceMetrics

Connection = AsyncConnection[TupleRow]


class Database:
    """Hands out connections. Each has the statement and lock timeouts of the settings."""

    def __init__(self, settings: Settings, metrics: ServiceMetrics) -> None:
        options = (
            f"-c statement_timeout={settings.statement_timeout_ms}"
            f" -c lock_timeout={settings.lock_timeout_ms} "
            f"-c idle_in_transaction_session_timeout=10000 -c application_name=quai-{settings.role}"
        )
        self._pool: AsyncConnectionPool[Connection] = AsyncConnectionPool(
            settings.database_url,
            min_size=settings.pool_min,
            max_size=settings.pool_max,
            timeout=settings.pool_timeout_s,
            max_waiting=settings.pool_max * 16,
            max_lifetime=1800,
            reconnect_timeout=10,
            open=False,
            check=AsyncConnectionPool.check_connection,
            kwargs={"options": options, "connect_timeout": 2, "prepare_threshold": 3},
            name=settings.role,
        )
        registry = metrics.registry
        self._wait = Histogram(
            "quai_db_pool_wait_seconds",
            "Time a request waited for a connection.",
            buckets=POOL_BUCKETS_S,
            registry=registry,
        )
        self._timeouts = Counter(
            "quai_db_pool_timeouts", "Requests that found no free connection in time.", registry=registry
        )
        Gauge("quai_db_pool_size_max", "Connections the pool may have.", registry=registry).set(settings.pool_max)
        self._gauge("quai_db_pool_size", "Connections the pool has.", "pool_size", registry)
        self._gauge("quai_db_pool_available", "Connections of the pool that are free.", "pool_available", registry)
        self._gauge("quai_db_pool_waiting", "Requests waiting for a connection.", "requests_waiting", registry)

    def _gauge(self, name: str, text: str, statistic: str, registry: Any) -> None:
        Gauge(name, text, registry=registry).set_function(lambda: self._pool.get_stats().get(statistic, 0))

    async def open(self) -> None:
        """Does not wait for the database: a service starts, and is not ready, while it is away."""
        await self._pool.open(wait=False)

    async def close(self) -> None:
        await self._pool.close()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """A connection and one transaction on it; an exception rolls it back."""
        began = perf_counter()
        try:
            connection = await self._pool.getconn()
        except PoolTimeout:
            self._timeouts.inc()
            raise
        finally:
            self._wait.observe(perf_counter() - began)
        try:
            async with connection.transaction():
                yield connection
        finally:
            await self._pool.putconn(connection)

    async def schema_version(self) -> str:
        async with self.transaction() as connection:
            cursor = await connection.execute("SELECT version_num FROM alembic_version")
            row = await cursor.fetchone()
        return str(row[0]) if row else ""

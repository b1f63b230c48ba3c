"""The outbox: what happened is told to the outside exactly when it was committed, at least once.

Workers take rows with FOR UPDATE SKIP LOCKED, so any number of them share the work without waiting for
each other, and keep the row locked while they deliver: one that dies gives its rows back.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from prometheus_client import Counter, Gauge, Histogram

from quai.database import Connection
from quai.metrics import OUTBOX_BUCKETS_S, ServiceMetrics

ATTEMPTS_MAX = 8  # 1 + 2 + … + 64 s: two minutes of trying, then a person must look
BATCH = 20

Deliver = Callable[[str, dict[str, Any], int], Awaitable[None]]


class DeliveryError(Exception):
    """The receiver did not take it; it is tried again later."""


@dataclass(frozen=True)
class Event:
    id: int
    topic: str
    payload: dict[str, Any]
    attempts: int
    age_s: float


class Outbox:
    def __init__(self, metrics: ServiceMetrics) -> None:
        registry = metrics.registry
        self._delay = Histogram(
            "quai_outbox_delay_seconds",
            "Time from an event's commit to its delivery.",
            ("topic",),
            buckets=OUTBOX_BUCKETS_S,
            registry=registry,
        )
        self._results = Counter(
            "quai_outbox_deliveries", "Attempts at delivering.", ("topic", "result"), registry=registry
        )
        self._waiting = Gauge("quai_outbox_waiting", "Events not yet delivered.", registry=registry)
        self._oldest = Gauge("quai_outbox_oldest_seconds", "Age of the oldest of them.", registry=registry)
        self._dead = Gauge("quai_outbox_dead", "Events given up: somebody must look.", registry=registry)
        for topic in ("order.paid", "order.cancelled", "payment.void"):
            self._delay.labels(topic)
            for result in ("delivered", "retried", "dead"):
                self._results.labels(topic, result)

    async def deliver_due(self, connection: Connection, deliver: Deliver) -> int:
        """Delivers up to a batch inside the caller's transaction; how many were due."""
        cursor = await connection.execute(
            "SELECT id, topic, payload, attempts, extract(epoch FROM clock_timestamp() - created_at)::float8"
            " FROM outbox WHERE delivered_at IS NULL AND dead_at IS NULL AND due_at <= now()"
            " ORDER BY due_at, id LIMIT %s FOR UPDATE SKIP LOCKED",
            (BATCH,),
        )
        events = [Event(*row) for row in await cursor.fetchall()]
        for event in events:
            await self._deliver(connection, event, deliver)
        return len(events)

    async def _deliver(self, connection: Connection, event: Event, deliver: Deliver) -> None:
        try:
            await deliver(event.topic, event.payload, event.id)
        except DeliveryError as error:
            await self._postpone(connection, event, str(error))
            return
        await connection.execute(
            "UPDATE outbox SET delivered_at = clock_timestamp(), attempts = attempts + 1 WHERE id = %s",
            (event.id,),
        )
        self._delay.labels(event.topic).observe(event.age_s)
        self._results.labels(event.topic, "delivered").inc()

    async def _postpone(self, connection: Connection, event: Event, error: str) -> None:
        dead = event.attempts + 1 >= ATTEMPTS_MAX
        await connection.execute(
            "UPDATE outbox SET attempts = attempts + 1, last_error = %s,"
            " due_at = now() + make_interval(secs => %s),"
            " dead_at = CASE WHEN %s THEN now() END WHERE id = %s",
            (error[:500], 2**event.attempts, dead, event.id),
        )
        self._results.labels(event.topic, "dead" if dead else "retried").inc()

    async def measure(self, connection: Connection) -> None:
        cursor = await connection.execute(
            "SELECT count(*) FILTER (WHERE dead_at IS NULL), count(*) FILTER (WHERE dead_at IS NOT NULL),"
            " coalesce(extract(epoch FROM now() - min(created_at) FILTER (WHERE dead_at IS NULL)), 0)::float8"
            " FROM outbox WHERE delivered_at IS NULL"
        )
        row = await cursor.fetchone()
        if row:
            self._waiting.set(row[0])
            self._dead.set(row[1])
            self._oldest.set(row[2])


async def drop_old(connection: Connection) -> None:
    await connection.execute("DELETE FROM outbox WHERE delivered_at < now() - interval '1 day'")

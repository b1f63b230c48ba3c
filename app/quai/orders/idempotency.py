"""Idempotency-Key: the same request sent again gets the first one's answer and does nothing.

The key's row is inserted before anything else and is locked by whoever works on it: a second request
with the key at the same time is told to come back (409), one with another body is refused (422).
"""

import hashlib
import json
from dataclasses import dataclass
from typing import Any

from quai.database import Connection
from quai.problems import ProblemError

ABANDONED_S = 90  # longer than any request lives: whoever began has died
KEPT = "24 hours"


@dataclass(frozen=True)
class Answer:
    status: int
    body: dict[str, Any]


def hash_of(body: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()


async def begin(connection: Connection, customer: str, key: str, request_hash: str) -> Answer | None:
    """The earlier answer, or None: the request is ours to carry out."""
    cursor = await connection.execute(
        "INSERT INTO idempotency_keys (customer, key, request_hash) VALUES (%s, %s, %s)"
        " ON CONFLICT (customer, key) DO UPDATE SET created_at = now()"
        " WHERE idempotency_keys.status IS NULL AND idempotency_keys.request_hash = excluded.request_hash"
        " AND idempotency_keys.created_at < now() - make_interval(secs => %s) RETURNING 1",
        (customer, key, request_hash, ABANDONED_S),
    )
    if await cursor.fetchone():
        return None
    cursor = await connection.execute(
        "SELECT request_hash, status, response FROM idempotency_keys WHERE customer = %s AND key = %s",
        (customer, key),
    )
    row = await cursor.fetchone()
    if row is not None and row[0] != request_hash:
        raise ProblemError(422, "Key reused", "this Idempotency-Key was used for another request")
    if row is None or row[1] is None:
        raise ProblemError(409, "In progress", "this request is being carried out", {"Retry-After": "1"})
    return Answer(row[1], row[2])


async def finish(connection: Connection, customer: str, key: str, answer: Answer) -> None:
    await connection.execute(
        "UPDATE idempotency_keys SET status = %s, response = %s WHERE customer = %s AND key = %s",
        (answer.status, json.dumps(answer.body, default=str), customer, key),
    )


async def forget(connection: Connection, customer: str, key: str) -> None:
    """Nothing was done: the same key may try again."""
    await connection.execute(
        "DELETE FROM idempotency_keys WHERE customer = %s AND key = %s AND status IS NULL", (customer, key)
    )


async def drop_old(connection: Connection) -> None:
    await connection.execute("DELETE FROM idempotency_keys WHERE created_at < now() - %s::interval", (KEPT,))

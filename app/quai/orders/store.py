"""Holds and orders in the database. Each function is one step of a transaction that the caller owns.

A seat belongs to whoever has its row in `seat_claims` (a primary key, so to nobody else). A hold goes
    held -> paying -> ordered          paid
                   -> held             declined: the customer may try another card
                   -> held             the provider failed
    held -> released | expired,  paying -> expired  (we died while paying: the charge is voided)
and every change of state is made under the hold's row lock.
"""

import json
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from psycopg.errors import ForeignKeyViolation, UniqueViolation

from quai.database import Connection

PAYING_SECONDS = 60  # longer than any payment takes: then we died over it


class ConflictError(Exception):
    """What is asked does not fit the state of things; the text says how."""


class MissingError(Exception):
    """No such thing, or not this customer's."""


@dataclass(frozen=True)
class Hold:
    id: UUID
    sailing_id: int
    state: str
    expired: bool


async def place_hold(
    connection: Connection, hold_id: UUID, customer: str, sailing_id: int, seats: list[int], seconds: float
) -> None:
    """All of the seats or none. Seats are claimed in order, so two customers never wait in a circle."""
    try:
        await connection.execute(
            "INSERT INTO holds (id, customer, sailing_id, state, expires_at)"
            " VALUES (%s, %s, %s, 'held', now() + make_interval(secs => %s))",
            (hold_id, customer, sailing_id, seconds),
        )
        for seat in sorted(set(seats)):
            await connection.execute(
                "INSERT INTO seat_claims (sailing_id, seat, hold_id) VALUES (%s, %s, %s)",
                (sailing_id, seat, hold_id),
            )
    except UniqueViolation:
        raise ConflictError("a seat is taken") from None
    except ForeignKeyViolation:
        raise MissingError("no such sailing or seat") from None


async def _lock_hold(connection: Connection, hold_id: UUID, customer: str) -> Hold:
    cursor = await connection.execute(
        "SELECT id, sailing_id, state, expires_at <= now() FROM holds WHERE id = %s AND customer = %s FOR UPDATE",
        (hold_id, customer),
    )
    row = await cursor.fetchone()
    if row is None:
        raise MissingError("no such hold")
    return Hold(*row)


async def begin_order(connection: Connection, order_id: UUID, hold_id: UUID, customer: str) -> int:
    """The hold becomes `paying`; returns what there is to pay, in cents."""
    hold = await _lock_hold(connection, hold_id, customer)
    if hold.state != "held" or hold.expired:
        raise ConflictError("the hold has expired" if hold.expired else f"the hold is {hold.state}")
    cursor = await connection.execute(
        "SELECT count(*) * s.price_cents FROM seat_claims c JOIN sailings s ON s.id = c.sailing_id"
        " WHERE c.hold_id = %s GROUP BY s.price_cents",
        (hold_id,),
    )
    row = await cursor.fetchone()
    if row is None:
        raise ConflictError("the hold has no seats")
    await connection.execute(
        "UPDATE holds SET state = 'paying', expires_at = now() + make_interval(secs => %s) WHERE id = %s",
        (PAYING_SECONDS, hold_id),
    )
    await connection.execute(
        "INSERT INTO orders (id, hold_id, customer, state, amount_cents) VALUES (%s, %s, %s, 'pending', %s)",
        (order_id, hold_id, customer, row[0]),
    )
    return int(row[0])


async def finish_paid(
    connection: Connection, order_id: UUID, hold_id: UUID, customer: str, reference: str, amount_cents: int
) -> bool:
    """The money came. False when it came too late: the seats are not ours any more, void the charge."""
    hold = await _lock_hold(connection, hold_id, customer)
    if hold.state != "paying":
        return False
    await connection.execute(
        "INSERT INTO order_lines (order_id, sailing_id, seat, price_cents)"
        " SELECT %s, c.sailing_id, c.seat, s.price_cents"
        " FROM seat_claims c JOIN sailings s ON s.id = c.sailing_id WHERE c.hold_id = %s",
        (order_id, hold_id),
    )
    await connection.execute("UPDATE orders SET state = 'paid' WHERE id = %s", (order_id,))
    await connection.execute("UPDATE holds SET state = 'ordered' WHERE id = %s", (hold_id,))
    await connection.execute(
        "INSERT INTO payments (order_id, reference, amount_cents, state) VALUES (%s, %s, %s, 'charged')",
        (order_id, reference, amount_cents),
    )
    await enqueue(connection, "order.paid", {"order_id": str(order_id), "customer": customer})
    return True


async def finish_unpaid(
    connection: Connection, order_id: UUID, hold_id: UUID, customer: str, state: str, seconds: float
) -> None:
    """Declined or failed: the seats stay held for another try. A charge that may have been made is voided."""
    hold = await _lock_hold(connection, hold_id, customer)
    await connection.execute("UPDATE orders SET state = %s WHERE id = %s AND state = 'pending'", (state, order_id))
    if hold.state == "paying":
        await connection.execute(
            "UPDATE holds SET state = 'held', expires_at = now() + make_interval(secs => %s) WHERE id = %s",
            (seconds, hold_id),
        )
    if state == "failed":
        await enqueue(connection, "payment.void", {"order_id": str(order_id)})


async def release_hold(connection: Connection, hold_id: UUID, customer: str) -> None:
    hold = await _lock_hold(connection, hold_id, customer)
    if hold.state != "held":
        raise ConflictError(f"the hold is {hold.state}")
    await connection.execute("UPDATE holds SET state = 'released' WHERE id = %s", (hold_id,))
    await connection.execute("DELETE FROM seat_claims WHERE hold_id = %s", (hold_id,))


async def cancel_order(connection: Connection, order_id: UUID, customer: str) -> None:
    """Gives the seats and, by the outbox, the money back. Cancelling twice is no error."""
    cursor = await connection.execute(
        "SELECT hold_id, state FROM orders WHERE id = %s AND customer = %s FOR UPDATE", (order_id, customer)
    )
    row = await cursor.fetchone()
    if row is None:
        raise MissingError("no such order")
    hold_id, state = row
    if state == "cancelled":
        return
    if state != "paid":
        raise ConflictError(f"the order is {state}")
    await connection.execute("UPDATE orders SET state = 'cancelled' WHERE id = %s", (order_id,))
    await connection.execute("UPDATE order_lines SET active = false WHERE order_id = %s", (order_id,))
    await connection.execute("UPDATE payments SET state = 'refunded' WHERE order_id = %s", (order_id,))
    await connection.execute("UPDATE holds SET state = 'released' WHERE id = %s", (hold_id,))
    await connection.execute("DELETE FROM seat_claims WHERE hold_id = %s", (hold_id,))
    await enqueue(connection, "payment.void", {"order_id": str(order_id)})
    await enqueue(connection, "order.cancelled", {"order_id": str(order_id), "customer": customer})


async def read_order(connection: Connection, order_id: UUID, customer: str) -> dict[str, Any]:
    cursor = await connection.execute(
        "SELECT o.id, o.state, o.amount_cents, h.sailing_id,"
        " ARRAY(SELECT l.seat FROM order_lines l WHERE l.order_id = o.id ORDER BY l.seat)"
        " FROM orders o JOIN holds h ON h.id = o.hold_id WHERE o.id = %s AND o.customer = %s",
        (order_id, customer),
    )
    row = await cursor.fetchone()
    if row is None:
        raise MissingError("no such order")
    return dict(zip(("id", "state", "amount_cents", "sailing_id", "seats"), row, strict=True))


async def expire_holds(connection: Connection, limit: int = 500) -> int:
    """Frees the seats of holds that are over; what others work on right now is left to the next call."""
    cursor = await connection.execute(
        "SELECT id, state FROM holds WHERE state IN ('held', 'paying') AND expires_at <= now()"
        " ORDER BY expires_at LIMIT %s FOR UPDATE SKIP LOCKED",
        (limit,),
    )
    rows = await cursor.fetchall()
    for hold_id, state in rows:
        await connection.execute("UPDATE holds SET state = 'expired' WHERE id = %s", (hold_id,))
        await connection.execute("DELETE FROM seat_claims WHERE hold_id = %s", (hold_id,))
        if state == "paying":
            await _abandon_payment(connection, hold_id)
    return len(rows)


async def _abandon_payment(connection: Connection, hold_id: UUID) -> None:
    cursor = await connection.execute(
        "UPDATE orders SET state = 'failed' WHERE hold_id = %s AND state = 'pending' RETURNING id", (hold_id,)
    )
    for (order_id,) in await cursor.fetchall():
        await enqueue(connection, "payment.void", {"order_id": str(order_id)})


async def enqueue(connection: Connection, topic: str, payload: dict[str, str]) -> None:
    await connection.execute("INSERT INTO outbox (topic, payload) VALUES (%s, %s)", (topic, json.dumps(payload)))


async def count_oversold(connection: Connection) -> int:
    """Seats that were sold more than once. The constraints make it 0; this looks at what is there."""
    cursor = await connection.execute(
        "SELECT coalesce(sum(n - 1), 0) FROM"
        " (SELECT count(*) AS n FROM order_lines WHERE active"
        " GROUP BY sailing_id, seat HAVING count(*) > 1) t"
    )
    row = await cursor.fetchone()
    return int(row[0]) if row else 0

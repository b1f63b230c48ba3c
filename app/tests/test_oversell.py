"""No seat is sold twice: a model of the sales, and whatever order of steps hypothesis thinks of."""

import asyncio
from collections.abc import Coroutine
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from conftest import new_sailing
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    consumes,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from quai.orders import store

SEATS = 6
CUSTOMERS = ("ana", "bo", "cy")
seat_sets = st.lists(st.integers(1, SEATS), min_size=1, max_size=4, unique=True)


class Sales(RuleBasedStateMachine):
    """Every step is a transaction of the real store; the model says who must have which seat."""

    url = ""
    held, paying, orders = Bundle("held"), Bundle("paying"), Bundle("orders")

    @initialize()
    def begin(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._sailing = self._loop.run_until_complete(new_sailing(self.url, SEATS))
        self._connection = self._loop.run_until_complete(psycopg.AsyncConnection.connect(self.url))
        self.owner: dict[int, UUID] = {}  # seat -> hold
        self.sold: dict[int, UUID] = {}  # seat -> order

    def teardown(self) -> None:
        self._loop.run_until_complete(self._connection.close())
        self._loop.close()

    def _do(self, step: Coroutine[Any, Any, Any]) -> Any:
        async def whole() -> Any:
            async with self._connection.transaction():
                return await step

        return self._loop.run_until_complete(whole())

    @rule(target=held, customer=st.sampled_from(CUSTOMERS), seats=seat_sets)
    def hold(self, customer: str, seats: list[int]) -> tuple[UUID, str, list[int]]:
        hold_id = uuid4()
        step = store.place_hold(self._connection, hold_id, customer, self._sailing, seats, 600)
        if any(seat in self.owner for seat in seats):
            with pytest.raises(store.ConflictError):
                self._do(step)
            return hold_id, customer, []
        self._do(step)
        self.owner |= dict.fromkeys(seats, hold_id)
        return hold_id, customer, seats

    @rule(target=paying, hold=consumes(held))
    def begin_order(self, hold: tuple[UUID, str, list[int]]) -> tuple[UUID, UUID, str, list[int], bool]:
        hold_id, customer, seats = hold
        order_id = uuid4()
        step = store.begin_order(self._connection, order_id, hold_id, customer)
        live = bool(seats) and all(self.owner.get(seat) == hold_id for seat in seats)
        if not live:
            with pytest.raises((store.ConflictError, store.MissingError)):
                self._do(step)
        else:
            self._do(step)
        return order_id, hold_id, customer, seats, live

    @rule(target=orders, order=consumes(paying))
    def pay(self, order: tuple[UUID, UUID, str, list[int], bool]) -> tuple[UUID, str, list[int]]:
        order_id, hold_id, customer, seats, begun = order
        if not begun:
            return order_id, customer, []
        in_time = self._do(store.finish_paid(self._connection, order_id, hold_id, customer, "ref", 1))
        assert in_time == all(self.owner.get(seat) == hold_id for seat in seats)
        if not in_time:
            return order_id, customer, []
        for seat in seats:
            assert seat not in self.sold, "sold twice"
            self.sold[seat] = order_id
        return order_id, customer, seats

    @rule(target=held, order=consumes(paying), state=st.sampled_from(("declined", "failed")))
    def fail(self, order: tuple[UUID, UUID, str, list[int], bool], state: str) -> tuple[UUID, str, list[int]]:
        order_id, hold_id, customer, seats, begun = order
        if begun:
            self._do(store.finish_unpaid(self._connection, order_id, hold_id, customer, state, 600))
        return hold_id, customer, seats if begun else []

    @rule(hold=consumes(held))
    def release(self, hold: tuple[UUID, str, list[int]]) -> None:
        hold_id, customer, seats = hold
        step = store.release_hold(self._connection, hold_id, customer)
        if seats and all(self.owner.get(seat) == hold_id for seat in seats):
            self._do(step)
            self._free(seats)
        else:
            with pytest.raises((store.ConflictError, store.MissingError)):
                self._do(step)

    @rule(order=consumes(orders))
    def cancel(self, order: tuple[UUID, str, list[int]]) -> None:
        order_id, customer, seats = order
        if not seats:
            return
        self._do(store.cancel_order(self._connection, order_id, customer))
        self._free(seats)
        for seat in seats:
            del self.sold[seat]

    @rule()
    def time_passes(self) -> None:
        """Everything that is held or being paid runs out."""

        async def expire() -> None:
            await self._connection.execute(
                "UPDATE holds SET expires_at = now() WHERE sailing_id = %s AND state IN ('held', 'paying')",
                (self._sailing,),
            )
            await store.expire_holds(self._connection, 10_000)

        self._do(expire())
        self._free([seat for seat in self.owner if seat not in self.sold])

    def _free(self, seats: list[int]) -> None:
        for seat in seats:
            del self.owner[seat]

    @invariant()
    def the_database_agrees(self) -> None:
        if not hasattr(self, "owner"):
            return

        async def read() -> tuple[dict[int, UUID], dict[int, UUID], int]:
            claims = await self._connection.execute(
                "SELECT seat, hold_id FROM seat_claims WHERE sailing_id = %s", (self._sailing,)
            )
            lines = await self._connection.execute(
                "SELECT seat, order_id FROM order_lines WHERE sailing_id = %s AND active", (self._sailing,)
            )
            oversold = await store.count_oversold(self._connection)
            return dict(await claims.fetchall()), dict(await lines.fetchall()), oversold

        assert self._do(read()) == (self.owner, self.sold, 0)


def test_no_order_of_steps_sells_a_seat_twice(database_url: str) -> None:
    machine = type("SalesHere", (Sales,), {"url": database_url})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=40, stateful_step_count=30, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )


def test_even_a_statement_past_the_program_cannot_sell_a_seat_twice(database_url: str) -> None:
    async def try_it() -> None:
        sailing = await new_sailing(database_url, 1)
        async with await psycopg.AsyncConnection.connect(database_url) as connection:
            ids = [(uuid4(), uuid4()) for _ in range(2)]
            await store.place_hold(connection, ids[0][0], "a", sailing, [1], 60)
            again = "INSERT INTO holds SELECT %s, 'b', sailing_id, state, created_at, expires_at"
            await connection.execute(f"{again} FROM holds WHERE id = %s", (ids[1][0], ids[0][0]))
            for hold_id, order_id in ids:
                await connection.execute(
                    "INSERT INTO orders VALUES (%s, %s, 'a', 'paid', 1, now())", (order_id, hold_id)
                )
            line = "INSERT INTO order_lines VALUES (%s, %s, 1, 1, true)"
            await connection.execute(line, (ids[0][1], sailing))
            with pytest.raises(psycopg.errors.UniqueViolation):
                await connection.execute(line, (ids[1][1], sailing))
            await connection.rollback()

    asyncio.run(try_it())

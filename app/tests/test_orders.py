"""Holds and orders through Traefik, as a customer sees them."""

import asyncio
import json
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import uuid4

import pytest
from conftest import fetch, new_key, new_sailing, transaction

from quai.orders import store
from stack.application import Application

NOBODY = "00000000-0000-4000-8000-000000000000"


@pytest.fixture
def sailing(database_url: str) -> int:
    return asyncio.run(new_sailing(database_url, 20))


def hold(application: Application, sailing: int, *seats: int) -> str:
    status, text = application.ask("/v1/holds", "POST", {"sailing_id": sailing, "seats": seats})
    assert status == 201, text
    return str(json.loads(text)["id"])


def order(application: Application, hold_id: str, key: str) -> tuple[int, dict[str, Any]]:
    status, text = application.ask("/v1/orders", "POST", {"hold_id": hold_id}, Idempotency_Key=key)
    return status, json.loads(text)


def paid(application: Application, hold_id: str) -> dict[str, Any]:
    """One card in a hundred is declined; the next one will do."""
    for _ in range(5):
        status, answer = order(application, hold_id, new_key())
        if status != 402:
            break
    assert status == 201, answer
    return answer


def free(application: Application, sailing: int) -> list[int]:
    _, text = application.ask(f"/v1/sailings/{sailing}/seats")
    return list(json.loads(text)["free"])


def eventually(what: str, condition: Callable[[], object], seconds: float = 15) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not happen in {seconds} s"
        time.sleep(0.05)


@pytest.fixture
def failing_payments(application: Application) -> Iterator[None]:
    application.set_faults("paysim", error_ratio=1)
    yield
    application.set_faults("paysim")


def test_a_bought_seat_is_gone_and_comes_back_when_the_order_is_cancelled(
    application: Application, sailing: int
) -> None:
    bought = paid(application, hold(application, sailing, 3, 1))
    assert bought["seats"] == [1, 3]
    assert set(free(application, sailing)) == set(range(1, 21)) - {1, 3}
    assert json.loads(application.ask(f"/v1/orders/{bought['id']}")[1])["state"] == "paid"
    for _ in range(2):  # twice is no error
        assert application.ask(f"/v1/orders/{bought['id']}", "DELETE")[0] == 204
    assert len(free(application, sailing)) == 20


def test_the_same_key_again_gets_the_same_answer_and_another_body_is_refused(
    application: Application, sailing: int, database_url: str
) -> None:
    first, second = hold(application, sailing, 1), hold(application, sailing, 2)
    for _ in range(5):
        key = new_key()
        status, answer = order(application, first, key)
        if status == 201:
            break
    assert order(application, first, key) == (201, answer)
    status, problem = order(application, second, key)
    assert (status, problem["title"]) == (422, "Key reused")
    rows = asyncio.run(fetch(database_url, "SELECT count(*) FROM orders WHERE hold_id = %s AND state = 'paid'", first))
    assert rows == [(1,)]


def test_twenty_at_once_with_one_key_make_one_order(application: Application, sailing: int, database_url: str) -> None:
    hold_id, key = hold(application, sailing, 1), new_key()
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: order(application, hold_id, key), range(20)))
    assert {status for status, _ in answers} <= {201, 402, 409}
    rows = asyncio.run(fetch(database_url, "SELECT count(*) FROM orders WHERE hold_id = %s", hold_id))
    assert rows == [(1,)]


def test_of_many_who_want_the_last_seat_one_gets_it(application: Application, sailing: int) -> None:
    body = {"sailing_id": sailing, "seats": [7]}
    with ThreadPoolExecutor(20) as pool:
        codes = [status for status, _ in pool.map(lambda _: application.ask("/v1/holds", "POST", body), range(40))]
    assert sorted(set(codes)) == [201, 409]
    assert codes.count(201) == 1


def test_an_expired_hold_cannot_be_bought_and_its_seats_are_free_again(
    application: Application, sailing: int, database_url: str
) -> None:
    hold_id = hold(application, sailing, 5)

    async def expire() -> None:
        async with transaction(database_url) as connection:
            await connection.execute("UPDATE holds SET expires_at = now() WHERE id = %s", (hold_id,))

    asyncio.run(expire())
    eventually("the seat being free", lambda: 5 in free(application, sailing))
    assert order(application, hold_id, new_key())[0] == 409


@pytest.mark.usefixtures("failing_payments")
def test_a_failed_payment_keeps_the_seats_held_and_voids_what_may_have_been_charged(
    application: Application, sailing: int, database_url: str
) -> None:
    hold_id = hold(application, sailing, 9)
    key = new_key()
    assert order(application, hold_id, key)[0] == 424
    assert 9 not in free(application, sailing)
    voids = "SELECT count(*) FROM outbox o JOIN orders r ON r.id = (o.payload->>'order_id')::uuid"
    voids += " WHERE o.topic = 'payment.void' AND r.hold_id = %s AND r.state = 'failed'"
    assert asyncio.run(fetch(database_url, voids, hold_id)) == [(1,)]
    application.set_faults("paysim")
    for _ in range(5):
        status, _answer = order(application, hold_id, key)  # the same key: nothing was done the first time
        if status == 402:
            key = new_key()
            continue
        break
    assert status == 201


def test_money_that_comes_after_the_seats_were_given_up_is_given_back(sailing: int, database_url: str) -> None:
    async def late() -> tuple[bool, str]:
        hold_id, order_id = uuid4(), uuid4()
        async with transaction(database_url) as connection:
            await store.place_hold(connection, hold_id, "late", sailing, [4], 60)
            await store.begin_order(connection, order_id, hold_id, "late")
            await connection.execute("UPDATE holds SET expires_at = now() WHERE id = %s", (hold_id,))
            await store.expire_holds(connection)
            in_time = await store.finish_paid(connection, order_id, hold_id, "late", "ref", 100)
            state = (await store.read_order(connection, order_id, "late"))["state"]
            return in_time, state

    assert asyncio.run(late()) == (False, "failed")


def test_without_a_key_or_with_a_wrong_one_nothing_is_told(application: Application) -> None:
    for wrong in ("", "Bearer quai_demo.AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "Basic eDp5", "Bearer x"):
        status, text = application.ask("/v1/sailings", Authorization=wrong)
        assert (status, json.loads(text)["title"]) == (401, "Unauthorized")
    status, text = application.ask(f"/v1/orders/{NOBODY}")
    assert (status, json.loads(text)["title"]) == (404, "Not found")


def test_mail_is_delivered_once_per_order(application: Application, sailing: int, database_url: str) -> None:
    bought = paid(application, hold(application, sailing, 11))
    delivered = "SELECT delivered_at IS NOT NULL FROM outbox WHERE topic = 'order.paid' AND payload->>'order_id' = %s"
    eventually("the mail's delivery", lambda: asyncio.run(fetch(database_url, delivered, bought["id"])) == [(True,)])


def test_a_service_that_drains_is_not_ready_and_still_answers(application: Application) -> None:
    instance = application.instances["orders-2"]
    instance.part.process.terminate()  # type: ignore[union-attr]
    instance.part.may_end = True
    eventually("not being ready", lambda: not application.ready(instance), 2)
    application.restart("orders-2")
    assert application.ready(instance)

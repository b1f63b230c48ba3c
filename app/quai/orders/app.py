"""Orders: seats are held for two minutes, then bought."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Annotated
from uuid import UUID, uuid4

import psycopg
from fastapi import FastAPI, Header, Request, Response
from prometheus_client import Counter, Gauge
from psycopg_pool import PoolTimeout
from pydantic import BaseModel, Field
from starlette.responses import JSONResponse

from quai.auth import Keyring, KnownCustomer
from quai.config import Settings
from quai.database import Connection, Database
from quai.metrics import ServiceMetrics
from quai.orders import idempotency, store
from quai.orders.idempotency import Answer
from quai.orders.payments import Outcome, Payments
from quai.problems import ProblemError, documented
from quai.serving import Service, create_service, service_of

log = logging.getLogger(__name__)

SWEEP_S = 1.0
CHECK_S = 5.0
# Failed Dependency, not 502: the edge's promise is about our servers, that orders succeed is one of its own.
PROVIDER_FAILED = 424
Seat = Annotated[int, Field(ge=1, le=2000)]


class HoldRequest(BaseModel):
    sailing_id: int = Field(ge=1, le=2**63 - 1)
    seats: list[Seat] = Field(min_length=1, max_length=9)


class Hold(BaseModel):
    id: UUID
    sailing_id: int
    seats: list[int]
    seconds: float


class OrderRequest(BaseModel):
    hold_id: UUID


class Order(BaseModel):
    id: UUID
    state: str
    amount_cents: int
    sailing_id: int
    seats: list[int]


class Sales:
    """What is sold, as business figures."""

    def __init__(self, metrics: ServiceMetrics) -> None:
        registry = metrics.registry
        self.holds = Counter("quai_holds", "Holds by what came of them.", ("result",), registry=registry)
        self.orders = Counter("quai_orders", "Orders by what came of them.", ("result",), registry=registry)
        self.value = Counter("quai_order_value_cents", "Value of paid orders.", ("line",), registry=registry)
        self.tickets = Counter("quai_tickets_sold", "Seats of paid orders.", registry=registry)
        self.replayed = Counter("quai_orders_replayed", "Orders answered from their key.", registry=registry)
        self.oversold = Gauge("quai_oversold_seats", "Seats sold more than once.", registry=registry)
        # Series that exist from the start: a rate over "no error yet" is 0, not absent.
        for result in ("ok", "declined", "error", "conflict"):
            self.orders.labels(result)
        for result in ("placed", "taken", "expired", "released"):
            self.holds.labels(result)


@asynccontextmanager
async def _background(app: FastAPI) -> AsyncIterator[None]:
    database: Database = app.state.service.database
    sales: Sales = app.state.sales

    async def sweep(connection: Connection) -> None:
        sales.holds.labels("expired").inc(await store.expire_holds(connection))

    async def check(connection: Connection) -> None:
        sales.oversold.set(await store.count_oversold(connection))
        await idempotency.drop_old(connection)

    tasks = [
        asyncio.create_task(_forever(database, SWEEP_S, sweep)),
        asyncio.create_task(_forever(database, CHECK_S, check)),
    ]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _forever(database: Database, seconds: float, step: Callable[[Connection], Awaitable[None]]) -> None:
    """An outage of the database is not ours to report here: readiness and requests do."""
    while True:
        try:
            async with database.transaction() as connection:
                await step(connection)
        except (psycopg.Error, PoolTimeout) as error:
            log.warning("background step failed", extra={"step": step.__name__, "cause": str(error)[:200]})
        await asyncio.sleep(seconds)


class OrderDesk:
    """Carries one order through its two transactions, the payment between them."""

    def __init__(self, service: Service, sales: Sales, payments: Payments) -> None:
        assert service.database is not None  # noqa: S101
        self._database: Database = service.database
        self._sales, self._payments = sales, payments
        self._hold_seconds = service.settings.hold_seconds

    async def order(self, customer: str, key: str, hold_id: UUID) -> Answer:
        try:
            answer = await self._order(customer, key, hold_id)
        except store.MissingError as error:
            raise ProblemError(404, "Not found", str(error)) from None
        except store.ConflictError as error:
            self._sales.orders.labels("conflict").inc()
            raise ProblemError(409, "Conflict", str(error)) from None
        except (psycopg.Error, PoolTimeout):
            self._sales.orders.labels("error").inc()
            raise
        return answer

    async def _order(self, customer: str, key: str, hold_id: UUID) -> Answer:
        order_id = uuid4()
        async with self._database.transaction() as connection:
            earlier = await idempotency.begin(connection, customer, key, idempotency.hash_of({"hold_id": str(hold_id)}))
            if earlier:
                self._sales.replayed.inc()
                return earlier
            amount_cents = await store.begin_order(connection, order_id, hold_id, customer)
        outcome, reference = await self._payments.charge(order_id, amount_cents)
        async with self._database.transaction() as connection:
            answer = await self._settle(connection, order_id, hold_id, customer, outcome, reference, amount_cents)
            if answer.status == PROVIDER_FAILED:
                await idempotency.forget(connection, customer, key)
            else:
                await idempotency.finish(connection, customer, key, answer)
        self._count(answer)
        return answer

    async def _settle(
        self,
        connection: Connection,
        order_id: UUID,
        hold_id: UUID,
        customer: str,
        outcome: Outcome,
        reference: str,
        amount_cents: int,
    ) -> Answer:
        if outcome is Outcome.CHARGED:
            if await store.finish_paid(connection, order_id, hold_id, customer, reference, amount_cents):
                return Answer(201, await store.read_order(connection, order_id, customer))
            await store.finish_unpaid(connection, order_id, hold_id, customer, "failed", self._hold_seconds)
            return _problem(PROVIDER_FAILED, "Payment too late", "the seats were given up, nothing is charged")
        if outcome is Outcome.DECLINED:
            await store.finish_unpaid(connection, order_id, hold_id, customer, "declined", self._hold_seconds)
            return _problem(402, "Payment declined", "the seats stay held: try another card")
        await store.finish_unpaid(connection, order_id, hold_id, customer, "failed", self._hold_seconds)
        return _problem(
            PROVIDER_FAILED, "Payment failed", "the provider does not answer; nothing is charged, try again"
        )

    def _count(self, answer: Answer) -> None:
        result = {201: "ok", 402: "declined"}.get(answer.status, "error")
        self._sales.orders.labels(result).inc()
        if result == "ok":
            self._sales.value.labels("all").inc(answer.body["amount_cents"])
            self._sales.tickets.inc(len(answer.body["seats"]))


def _problem(status: int, title: str, detail: str) -> Answer:
    return Answer(status, {"title": title, "status": status, "detail": detail, "trace_id": ""})


def create_app(settings: Settings) -> FastAPI:
    app = create_service(settings, "Quai orders", background=_background)
    app.state.keyring = Keyring()
    service: Service = app.state.service
    sales = Sales(service.metrics)
    app.state.sales = sales
    payments = Payments(settings.paysim_url, settings.payment_timeout_s, service.metrics)
    _add_holds(app, sales, settings)
    _add_orders(app, OrderDesk(service, sales, payments))
    return app


def _database(request: Request) -> Database:
    database = service_of(request).database
    assert database is not None  # noqa: S101
    return database


def _add_holds(app: FastAPI, sales: Sales, settings: Settings) -> None:
    @app.post("/v1/holds", status_code=201, responses=documented(401, 404, 409, 429, 503))
    async def place(request: Request, customer: KnownCustomer, wanted: HoldRequest) -> Hold:
        """Holds seats for a while: all of them or, when one is taken, none."""
        hold_id = uuid4()
        seats = sorted(set(wanted.seats))
        try:
            async with _database(request).transaction() as connection:
                await store.place_hold(
                    connection, hold_id, customer.key_id, wanted.sailing_id, seats, settings.hold_seconds
                )
        except store.ConflictError as error:
            sales.holds.labels("taken").inc()
            raise ProblemError(409, "Conflict", str(error)) from None
        except store.MissingError as error:
            raise ProblemError(404, "Not found", str(error)) from None
        sales.holds.labels("placed").inc()
        return Hold(id=hold_id, sailing_id=wanted.sailing_id, seats=seats, seconds=settings.hold_seconds)

    @app.delete("/v1/holds/{hold_id}", status_code=204, responses=documented(401, 404, 409, 429, 503))
    async def release(request: Request, customer: KnownCustomer, hold_id: UUID) -> Response:
        """Gives held seats back before their time."""
        try:
            async with _database(request).transaction() as connection:
                await store.release_hold(connection, hold_id, customer.key_id)
        except store.MissingError as error:
            raise ProblemError(404, "Not found", str(error)) from None
        except store.ConflictError as error:
            raise ProblemError(409, "Conflict", str(error)) from None
        sales.holds.labels("released").inc()
        return Response(status_code=204)


def _add_orders(app: FastAPI, desk: OrderDesk) -> None:
    @app.post(
        "/v1/orders",
        status_code=201,
        response_model=Order,
        responses=documented(401, 402, 404, 409, 422, 424, 429, 503),
    )
    async def order(
        customer: KnownCustomer,
        wanted: OrderRequest,
        idempotency_key: Annotated[str, Header(min_length=8, max_length=64, pattern=r"^[A-Za-z0-9_-]+$")],
    ) -> JSONResponse:
        """Buys what is held. The same Idempotency-Key again gets the same answer and charges nothing."""
        answer = await desk.order(customer.key_id, idempotency_key, wanted.hold_id)
        body = {key: str(value) if isinstance(value, UUID) else value for key, value in answer.body.items()}
        kind = "application/json" if answer.status < 400 else "application/problem+json"
        return JSONResponse(body, answer.status, media_type=kind)

    @app.get("/v1/orders/{order_id}", responses=documented(401, 404, 429, 503))
    async def read(request: Request, customer: KnownCustomer, order_id: UUID) -> Order:
        try:
            async with _database(request).transaction() as connection:
                return Order.model_validate(await store.read_order(connection, order_id, customer.key_id))
        except store.MissingError as error:
            raise ProblemError(404, "Not found", str(error)) from None

    @app.delete("/v1/orders/{order_id}", status_code=204, responses=documented(401, 404, 409, 429, 503))
    async def cancel(request: Request, customer: KnownCustomer, order_id: UUID) -> Response:
        """Cancels a paid order: seats are free again, the money goes back."""
        try:
            async with _database(request).transaction() as connection:
                await store.cancel_order(connection, order_id, customer.key_id)
        except store.MissingError as error:
            raise ProblemError(404, "Not found", str(error)) from None
        except store.ConflictError as error:
            raise ProblemError(409, "Conflict", str(error)) from None
        return Response(status_code=204)

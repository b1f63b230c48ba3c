"""Notifier: a worker on the outbox. Mails go to customers, voided charges to the payment provider."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import psycopg
from fastapi import FastAPI
from psycopg_pool import PoolTimeout

from quai.config import Settings
from quai.notifier.outbox import BATCH, DeliveryError, Outbox, drop_old
from quai.serving import Service, create_service

log = logging.getLogger(__name__)

IDLE_S = 0.25
MEASURE_S = 2.0


class Courier:
    """Brings one event to where it belongs. The receiver knows the event's number: twice is once."""

    def __init__(self, settings: Settings) -> None:
        self._mail_url, self._paysim_url = settings.mail_url, settings.paysim_url
        self._client = httpx.AsyncClient(timeout=3.0, trust_env=False)

    async def deliver(self, topic: str, payload: dict[str, Any], event_id: int) -> None:
        if topic == "payment.void":
            await self._post(f"{self._paysim_url}/void", payload)
        elif self._mail_url:
            await self._post(self._mail_url, {"event_id": event_id, "topic": topic, **payload})
        else:
            log.info("mail", extra={"topic": topic, **payload})

    async def _post(self, url: str, body: dict[str, Any]) -> None:
        try:
            answer = await self._client.post(url, json=body)
        except httpx.HTTPError as error:
            raise DeliveryError(f"{url}: {type(error).__name__}") from error
        if answer.status_code >= 300:
            raise DeliveryError(f"{url}: {answer.status_code}")


@asynccontextmanager
async def _background(app: FastAPI) -> AsyncIterator[None]:
    service: Service = app.state.service
    outbox, courier = Outbox(service.metrics), Courier(service.settings)
    tasks = [
        asyncio.create_task(_work(service, outbox, courier)),
        asyncio.create_task(_measure(service, outbox)),
    ]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _work(service: Service, outbox: Outbox, courier: Courier) -> None:
    assert service.database is not None  # noqa: S101
    while True:
        due = 0
        try:
            # Drained before the end: nothing new is taken, what was taken is delivered.
            if not service.draining:
                async with service.database.transaction() as connection:
                    due = await outbox.deliver_due(connection, courier.deliver)
        except (psycopg.Error, PoolTimeout) as error:
            log.warning("outbox not read", extra={"cause": str(error)[:200]})
        if due < BATCH:
            await asyncio.sleep(IDLE_S)


async def _measure(service: Service, outbox: Outbox) -> None:
    assert service.database is not None  # noqa: S101
    while True:
        try:
            async with service.database.transaction() as connection:
                await outbox.measure(connection)
                await drop_old(connection)
        except (psycopg.Error, PoolTimeout) as error:
            log.warning("outbox not measured", extra={"cause": str(error)[:200]})
        await asyncio.sleep(MEASURE_S)


def create_app(settings: Settings) -> FastAPI:
    return create_service(settings, "Quai notifier", background=_background)

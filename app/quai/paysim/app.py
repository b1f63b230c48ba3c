"""Paysim: a payment provider and a mail service for environments without real ones.

Behaves as the real ones do: a charge is made once per order, some cards are declined, it takes a while.
Faults are switched with PUT /faults, which exists in test environments only.
"""

import asyncio
import random
from collections import OrderedDict
from uuid import UUID

from fastapi import FastAPI
from prometheus_client import Counter
from pydantic import BaseModel, Field

from quai.config import Settings
from quai.problems import ProblemError, documented
from quai.serving import Service, create_service

CHARGES_MAX = 100_000
THINKING_S = (0.005, 0.03)
DECLINED_RATIO = 0.01


class ChargeRequest(BaseModel):
    order_id: UUID
    amount_cents: int = Field(ge=1, le=10**9)


class Charge(BaseModel):
    reference: str
    amount_cents: int


class VoidRequest(BaseModel):
    order_id: UUID


def create_app(settings: Settings) -> FastAPI:
    app = create_service(settings, "Paysim", with_database=False)
    service: Service = app.state.service
    charges: OrderedDict[UUID, Charge] = OrderedDict()
    dice = random.Random(settings.seed)
    results = Counter("paysim_charges", "Charges by what came of them.", ("result",), registry=service.metrics.registry)
    mails = Counter("paysim_mails", "Mails taken.", registry=service.metrics.registry)

    @app.post("/charge", responses=documented(402, 422))
    async def charge(wanted: ChargeRequest) -> Charge:
        """The same order again is not charged again."""
        await asyncio.sleep(dice.uniform(*THINKING_S))
        known = charges.get(wanted.order_id)
        if known:
            results.labels("repeated").inc()
            return known
        if dice.random() < DECLINED_RATIO:
            results.labels("declined").inc()
            raise ProblemError(402, "Declined", "the card was declined")
        made = charges[wanted.order_id] = Charge(
            reference=f"ch_{wanted.order_id.hex}", amount_cents=wanted.amount_cents
        )
        while len(charges) > CHARGES_MAX:
            charges.popitem(last=False)
        results.labels("charged").inc()
        return made

    @app.post("/void", status_code=204)
    async def void(wanted: VoidRequest) -> None:
        """Gives the money back, when there was any."""
        results.labels("voided" if charges.pop(wanted.order_id, None) else "nothing_to_void").inc()

    @app.post("/mail", status_code=204)
    async def mail() -> None:
        mails.inc()

    return app

"""The payment provider as we see it: a charge is made once per order, however often it is asked for."""

import time
from enum import Enum
from uuid import UUID

import httpx
from prometheus_client import Histogram

from quai import tracing
from quai.metrics import PAYMENT_BUCKETS_S, ServiceMetrics, exemplar

ATTEMPTS = 2  # the order's id makes the second harmless


class Outcome(Enum):
    CHARGED = "charged"
    DECLINED = "declined"
    FAILED = "failed"  # nobody knows whether it was made


class Payments:
    def __init__(self, url: str, timeout_s: float, metrics: ServiceMetrics) -> None:
        self._client = httpx.AsyncClient(
            base_url=url, timeout=timeout_s, limits=httpx.Limits(max_connections=32), trust_env=False
        )
        self._duration = Histogram(
            "quai_payment_duration_seconds",
            "Time of one attempt at charging.",
            ("outcome",),
            buckets=PAYMENT_BUCKETS_S,
            registry=metrics.registry,
        )

    async def charge(self, order_id: UUID, amount_cents: int) -> tuple[Outcome, str]:
        """The outcome and the provider's reference."""
        for _ in range(ATTEMPTS):
            outcome, reference = await self._attempt(order_id, amount_cents)
            if outcome is not Outcome.FAILED:
                break
        return outcome, reference

    async def _attempt(self, order_id: UUID, amount_cents: int) -> tuple[Outcome, str]:
        began = time.perf_counter()
        outcome, reference = Outcome.FAILED, ""
        try:
            answer = await self._client.post(
                "/charge",
                json={"order_id": str(order_id), "amount_cents": amount_cents},
                headers={"traceparent": tracing.traceparent()},
            )
            if answer.status_code == 200:
                outcome, reference = Outcome.CHARGED, str(answer.json()["reference"])
            elif answer.status_code == 402:
                outcome = Outcome.DECLINED
        except (httpx.HTTPError, ValueError, KeyError):
            pass  # FAILED
        self._duration.labels(outcome.value).observe(time.perf_counter() - began, exemplar())
        return outcome, reference

    async def close(self) -> None:
        await self._client.aclose()

"""Loadgen: people who look at sailings, hold seats, buy, change their mind."""

import asyncio
import contextlib
import logging
import random
import signal
import time
from uuid import uuid4

import httpx
import uvicorn
from prometheus_client import Counter, Gauge, Histogram
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from quai import tracing
from quai.config import Settings
from quai.loadgen.arrivals import arrivals
from quai.metrics import REQUEST_BUCKETS_S, ServiceMetrics, exemplar

log = logging.getLogger(__name__)

# Of all who come: who goes on from the step before. A sixth of the holds is given up or forgotten.
HOLDS, ORDERS, CANCELS, RELEASES = 0.5, 0.83, 0.1, 0.5
SEATS_MAX = 3
SOLD_OUT = 0.1  # with fewer free seats people look at later sailings
CLIENT_TIMEOUT_S = 10.0


class Load:
    """One open loop. Bounded: beyond `in_flight_max` journeys a new one is dropped, and counted."""

    def __init__(self, settings: Settings, metrics: ServiceMetrics) -> None:
        self._settings = settings
        self._dice = random.Random(settings.seed)
        self._client = httpx.AsyncClient(
            base_url=settings.target_url,
            timeout=CLIENT_TIMEOUT_S,
            headers={"Authorization": settings.api_key},
            limits=httpx.Limits(max_connections=settings.in_flight_max),
            trust_env=False,
        )
        registry = metrics.registry
        self._requests = Counter(
            "quai_loadgen_requests", "Requests by step and answer.", ("step", "code"), registry=registry
        )
        self._duration = Histogram(
            "quai_loadgen_request_duration_seconds",
            "As the client sees it.",
            ("step",),
            buckets=REQUEST_BUCKETS_S,
            registry=registry,
        )
        self._late = Histogram(
            "quai_loadgen_lateness_seconds",
            "From when a journey was due to its start.",
            buckets=(0.001, 0.01, 0.1, 1.0, 10.0),
            registry=registry,
        )
        self._dropped = Counter("quai_loadgen_dropped_journeys", "Journeys beyond the bound.", registry=registry)
        self._in_flight = Gauge("quai_loadgen_in_flight", "Journeys under way.", registry=registry)
        self._after = 0
        self._journeys: set[asyncio.Task[None]] = set()

    async def run(self, stop: asyncio.Event) -> None:
        began = time.monotonic()
        for at in arrivals(self._settings.seed, self._settings.journeys_per_second):
            if self._settings.duration_s and at > self._settings.duration_s:
                break
            delay = began + at - time.monotonic()
            if delay > 0:
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(stop.wait(), delay)
            if stop.is_set():
                break
            self._late.observe(max(0.0, time.monotonic() - began - at))
            self._start_journey(began + at)
        if self._journeys:
            await asyncio.wait(self._journeys, timeout=CLIENT_TIMEOUT_S)
        await self._client.aclose()

    def _start_journey(self, due: float) -> None:
        if len(self._journeys) >= self._settings.in_flight_max:
            self._dropped.inc()
            return
        journey = asyncio.create_task(self._journey(due, random.Random(self._dice.random())))
        self._journeys.add(journey)
        journey.add_done_callback(self._journeys.discard)
        journey.add_done_callback(lambda _: self._in_flight.set(len(self._journeys)))
        self._in_flight.set(len(self._journeys))

    async def _ask(
        self, step: str, method: str, path: str, due: float | None = None, **more: object
    ) -> httpx.Response | None:
        """The answer, or None when none came. The first step's time counts from when it was due."""
        began = due if due is not None else time.monotonic()
        headers = {"traceparent": tracing.traceparent(), **dict(more.pop("headers", {}))}  # type: ignore[call-overload]
        answer, code = None, "none"
        try:
            answer = await self._client.request(method, path, headers=headers, **more)  # type: ignore[arg-type]
            code = str(answer.status_code)
        except httpx.HTTPError as error:
            log.info("no answer", extra={"step": step, "cause": f"{type(error).__name__}: {error}"})
        self._requests.labels(step, code).inc()
        self._duration.labels(step).observe(time.monotonic() - began, exemplar())
        return answer

    async def _journey(self, due: float, dice: random.Random) -> None:
        tracing.enter(None)
        answer = await self._ask("sailings", "GET", f"/v1/sailings?after={self._after}", due)
        if answer is None or answer.status_code != 200:
            return
        page = answer.json()
        if sum(sailing["free"] for sailing in page) < SOLD_OUT * sum(sailing["seats"] for sailing in page):
            self._after = page[-1]["id"]
        if not page:
            self._after = 0
            return
        sailing = dice.choice(page)["id"]
        answer = await self._ask("seats", "GET", f"/v1/sailings/{sailing}/seats")
        if answer is None or answer.status_code != 200 or dice.random() >= HOLDS:
            return
        free = answer.json()["free"]
        if not free:
            return
        seats = dice.sample(free, min(len(free), dice.randint(1, SEATS_MAX)))
        answer = await self._ask("hold", "POST", "/v1/holds", json={"sailing_id": sailing, "seats": seats})
        if answer is None or answer.status_code != 201:
            return
        await self._decide(answer.json()["id"], dice)

    async def _decide(self, hold: str, dice: random.Random) -> None:
        if dice.random() >= ORDERS:
            if dice.random() < RELEASES:
                await self._ask("release", "DELETE", f"/v1/holds/{hold}")
            return
        key = {"Idempotency-Key": uuid4().hex}
        answer = await self._ask("order", "POST", "/v1/orders", json={"hold_id": hold}, headers=key)
        if answer is not None and answer.status_code == 201 and dice.random() < CANCELS:
            await self._ask("cancel", "DELETE", f"/v1/orders/{answer.json()['id']}")


async def run(settings: Settings) -> None:
    """Until SIGTERM, or for `duration_s`. SIGUSR1: no new journeys, the page stays."""
    metrics = ServiceMetrics(settings.role, settings.version)
    load = Load(settings, metrics)
    stop = asyncio.Event()

    async def answer(request: Request) -> Response:
        return metrics.answer(request.headers.get("accept", ""))

    server = uvicorn.Server(
        uvicorn.Config(
            Starlette(routes=[Route("/metrics", answer)]),
            host=settings.host,
            port=settings.port,
            log_config=None,
            access_log=False,
            http="httptools",
            loop="uvloop",
        )
    )
    loop = asyncio.get_running_loop()
    serving = asyncio.create_task(server._serve())
    paused = asyncio.Event()

    def end() -> None:
        paused.set()
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, end)
    loop.add_signal_handler(signal.SIGUSR1, paused.set)
    if settings.duration_s:
        loop.call_later(settings.duration_s, end)
    await load.run(paused)
    await stop.wait()
    server.should_exit = True
    await serving

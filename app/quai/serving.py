"""What every HTTP service has: probes, metrics, limits, faults on purpose, and a graceful end.

SIGTERM: readiness fails at once, so the proxy stops sending; requests are still answered for
`drain_s`; then connections are closed after their answers. Nobody sees an error.
"""

import asyncio
import logging
import random
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from types import FrameType

import uvicorn
from fastapi import FastAPI, Request
from psycopg import Error
from psycopg_pool import PoolTimeout
from pydantic import BaseModel, Field
from starlette.responses import JSONResponse, Response

from quai import problems, schema
from quai.config import Settings
from quai.database import Database
from quai.metrics import UNCOUNTED, MetricsMiddleware, ServiceMetrics

log = logging.getLogger(__name__)

READY_CACHE_S = 0.5  # several probes at a time ask the database once


class Faults(BaseModel):
    """How a service misbehaves on purpose."""

    error_ratio: float = Field(0.0, ge=0, le=1)
    delay_s: float = Field(0.0, ge=0, le=30)


class Service:
    """The parts that routes share; `app.state.service`."""

    def __init__(self, settings: Settings, database: Database | None, metrics: ServiceMetrics) -> None:
        self.settings, self.database, self.metrics = settings, database, metrics
        self.draining = False
        self.faults = Faults(error_ratio=settings.fault_error_ratio, delay_s=settings.fault_delay_s)
        self._ready_until, self._not_ready = 0.0, ""

    def drain(self) -> None:
        self.draining = True
        self.metrics.draining.set(1)

    async def why_not_ready(self) -> str:
        """Empty when requests are welcome."""
        if self.draining:
            return "draining"
        if self.database is None:
            return ""
        now = asyncio.get_running_loop().time()
        if now >= self._ready_until:
            self._not_ready = await self._ask_database(self.database)
            self._ready_until = now + READY_CACHE_S
        return self._not_ready

    async def _ask_database(self, database: Database) -> str:
        try:
            version = await asyncio.wait_for(database.schema_version(), 2)
        except (Error, PoolTimeout, TimeoutError) as error:
            return f"database: {type(error).__name__}"
        # Expand and contract: a newer schema serves the previous build too (migrations/README.md).
        return "" if version >= schema.OLDEST_SERVED else f"schema {version!r} is too old"


def service_of(request: Request) -> Service:
    service: Service = request.app.state.service
    return service


def create_service(
    settings: Settings,
    title: str,
    with_database: bool = True,
    background: Callable[[FastAPI], AbstractAsyncContextManager[None]] | None = None,
) -> FastAPI:
    """An application with everything but its own routes. `background` runs beside the requests."""
    metrics = ServiceMetrics(settings.role, settings.version)
    service = Service(settings, Database(settings, metrics) if with_database else None, metrics)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        if service.database:
            await service.database.open()
        try:
            if background is None:
                yield
            else:
                async with background(app):
                    yield
        finally:
            if service.database:
                await service.database.close()

    app = FastAPI(
        title=title,
        version=settings.version,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        responses=problems.documented(422),
    )
    app.state.service = service
    problems.install(app)
    _add_probes(app, service)
    if settings.may_fail_on_purpose:
        _add_faults(app, service)
    app.add_middleware(MetricsMiddleware, metrics=metrics, router=app.router)
    return app


def _add_probes(app: FastAPI, service: Service) -> None:
    @app.get("/livez", include_in_schema=False)
    async def livez() -> Response:
        """The process works; asks nothing else, so no dependency's outage restarts it."""
        return Response("ok\n", media_type="text/plain")

    @app.get("/readyz", include_in_schema=False)
    async def readyz() -> Response:
        reason = await service.why_not_ready()
        return JSONResponse({"ready": not reason, "reason": reason}, 503 if reason else 200)

    @app.get("/metrics", include_in_schema=False)
    async def metrics(request: Request) -> Response:
        return service.metrics.answer(request.headers.get("accept", ""))


def _add_faults(app: FastAPI, service: Service) -> None:
    """Test environments only: PUT /faults, and what it does to the requests that follow."""

    @app.put("/faults", include_in_schema=False)
    async def put_faults(faults: Faults) -> Faults:
        log.warning("faults set", extra=faults.model_dump())
        service.faults = faults
        return faults

    @app.middleware("http")
    async def misbehave(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
        if request.url.path in UNCOUNTED or request.url.path == "/faults":
            return await call_next(request)
        if service.faults.delay_s:
            await asyncio.sleep(service.faults.delay_s)
        if service.faults.error_ratio and random.random() < service.faults.error_ratio:
            return problems.answer(500, "Fault", "failed on purpose")
        return await call_next(request)


class DrainingServer(uvicorn.Server):
    """Ends in two steps: first not ready, then, `drain_s` later, closed."""

    def __init__(self, config: uvicorn.Config, service: Service) -> None:
        super().__init__(config)
        self._service = service

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if self._service.draining or sig == signal.SIGINT:
            super().handle_exit(sig, frame)
            return
        self._service.drain()
        log.info("draining", extra={"seconds": self._service.settings.drain_s})
        loop = asyncio.get_running_loop()
        loop.call_later(self._service.settings.drain_s, setattr, self, "should_exit", True)


def serve(app: FastAPI, settings: Settings) -> None:
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        loop="uvloop",
        http="httptools",
        log_config=None,
        access_log=False,
        timeout_keep_alive=75,
        backlog=512,
        server_header=False,
        timeout_graceful_shutdown=15,
    )
    DrainingServer(config, app.state.service).run()

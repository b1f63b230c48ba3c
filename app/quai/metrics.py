"""Metrics of a service: requests by route, and the registry that /metrics answers from.

Labels are few and bounded: the route's template (never the path), the method, the status code. The
histogram's bounds contain every threshold that an SLO names (tests/test_slo.py holds them to it), so
the share of requests below a threshold is counted, not interpolated. Observations carry the trace id
as exemplar when the reader asks for OpenMetrics.
"""

import time

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    PlatformCollector,
    ProcessCollector,
    disable_created_metrics,
)
from prometheus_client.exposition import choose_encoder
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Router
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from quai import tracing

# A start timestamp per series doubles the page, and counters of ours start at 0 with the process.
disable_created_metrics()  # type: ignore[no-untyped-call]

# 0.3: catalogue latency; 1.0: order latency.
REQUEST_BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 2.0, 5.0)
# 30: notification freshness.
OUTBOX_BUCKETS_S = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)
PAYMENT_BUCKETS_S = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 3.0, 5.0)
POOL_BUCKETS_S = (0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 2.0)

UNMATCHED = "unmatched"  # one label value for all paths that exist nowhere
METHODS = frozenset(("GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH"))


class ServiceMetrics:
    """What every service has. Owns the registry; one per application, so tests can have many."""

    def __init__(self, service: str, version: str) -> None:
        self.registry = CollectorRegistry()
        ProcessCollector(registry=self.registry)
        PlatformCollector(registry=self.registry)
        self.requests = Counter(
            "quai_http_requests", "Requests answered.", ("route", "method", "code"), registry=self.registry
        )
        self.duration = Histogram(
            "quai_http_request_duration_seconds",
            "Time from a request's first byte to its answer's last.",
            ("route", "method"),
            buckets=REQUEST_BUCKETS_S,
            registry=self.registry,
        )
        self.in_flight = Gauge("quai_http_requests_in_flight", "Requests being answered.", registry=self.registry)
        self.limited = Counter(
            "quai_rate_limited_requests",
            "Requests refused because their API key asked too often.",
            registry=self.registry,
        )
        self.draining = Gauge(
            "quai_draining", "1 from SIGTERM on: not ready, answers what it has.", registry=self.registry
        )
        build = Gauge(
            "quai_build_info",
            "Always 1; the labels say which build.",
            ("service", "version"),
            registry=self.registry,
        )
        build.labels(service, version).set(1)

    def answer(self, accept: str) -> Response:
        encode, content_type = choose_encoder(accept)
        return Response(encode(self.registry), media_type=None, headers={"content-type": content_type})


def exemplar() -> dict[str, str] | None:
    trace = tracing.trace_id()
    return {"trace_id": trace} if trace else None


def _route_template(router: Router, scope: Scope) -> str:
    """The template of the route that answers, `/v1/sailings/{sailing_id}`; known before it runs."""
    for route in router.routes:
        match, _ = route.matches(scope)
        if match is not Match.NONE:
            return str(getattr(route, "path", UNMATCHED))
    return UNMATCHED


# Asked by machines every second: counted with the rest they would drown what people see.
UNCOUNTED = frozenset(("/livez", "/readyz", "/metrics"))


class MetricsMiddleware:
    """Counts and times each request, also one that ends in an exception or a lost client."""

    def __init__(self, app: ASGIApp, metrics: ServiceMetrics, router: Router) -> None:
        self._app = app
        self._metrics = metrics
        self._router = router

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in UNCOUNTED:
            await self._app(scope, receive, send)
            return
        route = _route_template(self._router, scope)
        method = scope["method"] if scope["method"] in METHODS else "other"
        tracing.enter(Request(scope).headers.get("traceparent"))
        code = 500  # an exception that nobody caught is answered so by the server

        async def remember(message: Message) -> None:
            nonlocal code
            if message["type"] == "http.response.start":
                code = message["status"]
            await send(message)

        began = time.perf_counter()
        self._metrics.in_flight.inc()
        try:
            await self._app(scope, receive, remember)
        finally:
            self._metrics.in_flight.dec()
            took = time.perf_counter() - began
            self._metrics.requests.labels(route, method, str(code)).inc(exemplar=exemplar())
            self._metrics.duration.labels(route, method).observe(took, exemplar())

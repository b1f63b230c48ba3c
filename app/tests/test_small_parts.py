"""What needs no database: tracing, limits, arrivals, settings, logs, the metrics middleware."""

import io
import json
import logging

import pytest
from fastapi import FastAPI
from hypothesis import given
from hypothesis import strategies as st
from starlette.testclient import TestClient

from quai import logs, tracing
from quai.auth import Customer
from quai.config import Settings
from quai.loadgen.arrivals import arrivals
from quai.metrics import MetricsMiddleware, ServiceMetrics

OPENMETRICS = {"accept": "application/openmetrics-text; version=1.0.0"}


def test_a_callers_trace_is_joined_and_a_malformed_one_begins_anew() -> None:
    tracing.enter("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
    assert tracing.trace_id() == "4bf92f3577b34da6a3ce929d0e0e4736"
    assert tracing.traceparent().startswith("00-4bf92f3577b34da6a3ce929d0e0e4736-")
    for header in (None, "", "00-" + "0" * 32 + "-00f067aa0ba902b7-01", "x" * 999):
        tracing.enter(header)
        assert len(tracing.trace_id()) == 32
        assert tracing.trace_id() not in ("0" * 32, "4bf92f3577b34da6a3ce929d0e0e4736")


@given(
    rate=st.floats(1, 1000),
    burst=st.integers(1, 50),
    gaps=st.lists(st.floats(0, 2), min_size=1, max_size=200),
)
def test_a_bucket_never_lets_more_through_than_burst_and_rate_allow(rate: float, burst: int, gaps: list[float]) -> None:
    customer, now, passed = Customer("k", burst, 0.0, 0.0), 0.0, 0
    for gap in gaps:
        now += gap
        passed += customer.take(now, rate, burst) == 0.0
    assert passed <= burst + rate * now + 1e-6


@given(rate=st.floats(1, 1000), burst=st.integers(1, 10))
def test_who_waits_as_long_as_told_is_let_through(rate: float, burst: int) -> None:
    customer, now = Customer("k", burst, 0.0, 0.0), 0.0
    for _ in range(50):
        wait = customer.take(now, rate, burst)
        if wait:
            now += wait * (1 + 1e-9) + 1e-9
            assert customer.take(now, rate, burst) == 0.0


def test_arrivals_repeat_with_the_seed_and_come_at_the_rate() -> None:
    def first(seed: int, count: int) -> list[float]:
        moments = arrivals(seed, 50)
        return [next(moments) for _ in range(count)]

    assert first(7, 100) == first(7, 100)
    assert first(7, 100) != first(8, 100)
    taken = first(7, 10_000)
    assert taken == sorted(taken)
    assert taken[-1] == pytest.approx(200, rel=0.05)


def test_settings_come_from_the_environment_and_nonsense_ends_the_program(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("QUAI_POOL_MAX", "3")
    monkeypatch.setenv("QUAI_DRAIN_S", "0.5")
    settings = Settings.from_environment("orders")
    assert (settings.pool_max, settings.drain_s, settings.role) == (3, 0.5, "orders")
    assert not settings.may_fail_on_purpose
    monkeypatch.setenv("QUAI_POOL_MAX", "many")
    with pytest.raises(SystemExit, match="QUAI_POOL_MAX='many'"):
        Settings.from_environment("orders")


def test_a_log_line_is_json_with_its_trace_and_the_error() -> None:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logs.JsonFormatter("orders"))
    logger = logging.Logger("test")
    logger.addHandler(handler)
    tracing.enter(None)
    try:
        raise ValueError("no")
    except ValueError:
        logger.exception("went wrong", extra={"seats": [1, 2]})
    line = json.loads(stream.getvalue())
    assert line["event"] == "went wrong"
    assert line["trace_id"] == tracing.trace_id()
    assert (line["seats"], line["error"], line["level"]) == ([1, 2], "ValueError: no", "error")


@pytest.fixture
def watched() -> tuple[TestClient, ServiceMetrics]:
    app = FastAPI()

    @app.get("/things/{number}")
    async def thing(number: int) -> int:
        if number == 0:
            raise RuntimeError("zero")
        return number

    metrics = ServiceMetrics("test", "1")
    app.add_middleware(MetricsMiddleware, metrics=metrics, router=app.router)
    return TestClient(app, raise_server_exceptions=False), metrics


def page(metrics: ServiceMetrics, accept: str = "") -> str:
    return bytes(metrics.answer(accept).body).decode()


def test_requests_are_counted_by_template_and_unknown_paths_are_one_value(
    watched: tuple[TestClient, ServiceMetrics],
) -> None:
    client, metrics = watched
    for path in ("/things/1", "/things/2", "/things/x", "/nothing/1", "/nothing/2"):
        client.get(path)
    client.request("BREW", "/things/1")
    text = page(metrics)
    assert 'quai_http_requests_total{code="200",method="GET",route="/things/{number}"} 2.0' in text
    assert 'quai_http_requests_total{code="422",method="GET",route="/things/{number}"} 1.0' in text
    assert 'quai_http_requests_total{code="404",method="GET",route="unmatched"} 2.0' in text
    assert 'method="other"' in text
    assert "/nothing" not in text
    assert "quai_http_requests_in_flight 0.0" in text


def test_an_exception_is_a_500_and_the_exemplar_is_the_callers_trace(
    watched: tuple[TestClient, ServiceMetrics],
) -> None:
    client, metrics = watched
    trace = "4bf92f3577b34da6a3ce929d0e0e4736"
    assert client.get("/things/0", headers={"traceparent": f"00-{trace}-00f067aa0ba902b7-01"}).status_code == 500
    text = page(metrics, OPENMETRICS["accept"])
    assert 'code="500"' in text
    assert f'# {{trace_id="{trace}"}}' in text
    assert text.endswith("# EOF\n")

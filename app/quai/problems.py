"""Errors as clients see them: RFC 9457 problem details, the same shape from every service."""

import logging
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from psycopg import OperationalError
from psycopg.errors import LockNotAvailable, QueryCanceled
from psycopg_pool import PoolTimeout
from pydantic import BaseModel
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from quai import tracing

log = logging.getLogger(__name__)
MEDIA_TYPE = "application/problem+json"


class Problem(BaseModel):
    """What went wrong with a request."""

    title: str
    status: int
    detail: str
    trace_id: str = ""


class ProblemError(Exception):
    """Ends a request with this answer."""

    def __init__(self, status: int, title: str, detail: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(detail)
        self.status, self.title, self.detail, self.headers = status, title, detail, headers


def answer(status: int, title: str, detail: str, headers: dict[str, str] | None = None) -> JSONResponse:
    problem = Problem(title=title, status=status, detail=detail, trace_id=tracing.trace_id())
    return JSONResponse(problem.model_dump(), status, headers, media_type=MEDIA_TYPE)


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The `responses` of a route that may end so."""
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {status: {"model": Problem, "content": content} for status in statuses}


async def _problem(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, ProblemError)  # noqa: S101  (registered for this type only)
    return answer(error.status, error.title, error.detail, error.headers)


async def _http(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)  # noqa: S101
    return answer(error.status_code, "Refused", str(error.detail), dict(error.headers or {}))


async def _invalid(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)  # noqa: S101
    first = error.errors()[0] if error.errors() else {"loc": (), "msg": "invalid"}
    where = ".".join(str(part) for part in first["loc"])
    return answer(422, "Invalid request", f"{where}: {first['msg']}")


async def _overloaded(_: Request, error: Exception) -> JSONResponse:
    """The database is away, or too slow for us: the client may try again."""
    log.warning("database unavailable", extra={"cause": f"{type(error).__name__}: {error}"[:300]})
    return answer(503, "Unavailable", "the database cannot answer now", {"Retry-After": "1"})


def install(app: FastAPI) -> None:
    app.add_exception_handler(ProblemError, _problem)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(RequestValidationError, _invalid)
    for kind in (PoolTimeout, OperationalError, LockNotAvailable, QueryCanceled):
        app.add_exception_handler(kind, _overloaded)

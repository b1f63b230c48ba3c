"""Catalogue: which sailings there are and which seats are free. Reads only."""

import datetime
from typing import Annotated

from fastapi import FastAPI, Path, Query, Request
from pydantic import BaseModel

from quai.auth import Keyring, KnownCustomer
from quai.config import Settings
from quai.problems import ProblemError, documented
from quai.serving import create_service, service_of

ID_MAX = 2**63 - 1
SailingId = Annotated[int, Path(ge=1, le=ID_MAX)]


class Sailing(BaseModel):
    id: int
    line: str
    vessel: str
    departs_at: datetime.datetime
    price_cents: int
    seats: int
    free: int


class Seats(BaseModel):
    sailing_id: int
    free: list[int]


_SAILINGS = """
    SELECT s.id, s.line, s.vessel, s.departs_at, s.price_cents, s.seat_count,
           s.seat_count - (SELECT count(*) FROM seat_claims c WHERE c.sailing_id = s.id)
    FROM sailings s WHERE s.departs_at > now() AND s.id > %s ORDER BY s.id LIMIT %s"""
_FREE = """
    SELECT n.number FROM seats n
    WHERE n.sailing_id = %s AND NOT EXISTS
      (SELECT 1 FROM seat_claims c WHERE c.sailing_id = n.sailing_id AND c.seat = n.number)
    ORDER BY n.number"""


def create_app(settings: Settings) -> FastAPI:
    app = create_service(settings, "Quai catalogue")
    app.state.keyring = Keyring()

    @app.get("/v1/sailings", responses=documented(401, 429, 503))
    async def sailings(
        request: Request,
        customer: KnownCustomer,
        after: Annotated[int, Query(ge=0, le=ID_MAX)] = 0,
        limit: Annotated[int, Query(ge=1, le=200)] = 50,
    ) -> list[Sailing]:
        """Sailings that have not left, by number; `after` is the last one of the page before."""
        database = service_of(request).database
        assert database is not None  # noqa: S101  (create_service gave one)
        async with database.transaction() as connection:
            cursor = await connection.execute(_SAILINGS, (after, limit))
            rows = await cursor.fetchall()
        names = list(Sailing.model_fields)
        return [Sailing.model_validate(dict(zip(names, row, strict=True))) for row in rows]

    @app.get("/v1/sailings/{sailing_id}/seats", responses=documented(401, 404, 429, 503))
    async def seats(request: Request, customer: KnownCustomer, sailing_id: SailingId) -> Seats:
        """The free seats of a sailing: as of now, a hold may find them taken."""
        database = service_of(request).database
        assert database is not None  # noqa: S101
        async with database.transaction() as connection:
            cursor = await connection.execute("SELECT 1 FROM sailings WHERE id = %s", (sailing_id,))
            if await cursor.fetchone() is None:
                raise ProblemError(404, "Not found", f"no sailing {sailing_id}")
            cursor = await connection.execute(_FREE, (sailing_id,))
            rows = await cursor.fetchall()
        return Seats(sailing_id=sailing_id, free=[row[0] for row in rows])

    return app

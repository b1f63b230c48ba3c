"""Sailings and an API key to begin with; running it again adds nothing."""

import datetime
import sys

from psycopg import AsyncConnection

from quai.auth import new_key
from quai.config import Settings

LINES = (
    ("Brest - Ouessant", "Fromveur II", 3850),
    ("Quiberon - Belle-Île", "Vindilis", 2980),
    ("Lorient - Groix", "Île de Groix", 2150),
)
SAILINGS = 600  # the demo's load buys them all in half a day
SEATS = 400


async def seed(settings: Settings) -> None:
    """Prints the Authorization header of the new key `demo`, when it was made now."""
    async with await AsyncConnection.connect(settings.database_url) as connection:
        cursor = await connection.execute("SELECT count(*) FROM sailings")
        row = await cursor.fetchone()
        if row and row[0] == 0:
            await add_sailings(connection, SAILINGS, SEATS)
        header, stored = new_key("demo")
        cursor = await connection.execute(
            "INSERT INTO api_keys (id, hash) VALUES ('demo', %s) ON CONFLICT DO NOTHING", (stored,)
        )
        if cursor.rowcount:
            sys.stdout.write(header + "\n")


async def add_sailings(connection: AsyncConnection, count: int, seats: int) -> None:
    first = datetime.datetime.now(datetime.UTC).replace(minute=0, second=0, microsecond=0)
    for i in range(count):
        line, vessel, price_cents = LINES[i % len(LINES)]
        departs_at = first + datetime.timedelta(hours=24 + 3 * (i // len(LINES)))
        await connection.execute(
            "WITH s AS (INSERT INTO sailings (line, vessel, departs_at, price_cents, seat_count)"
            " VALUES (%s, %s, %s, %s, %s) RETURNING id)"
            " INSERT INTO seats (sailing_id, number) SELECT s.id, n FROM s, generate_series(1, %s) n",
            (line, vessel, departs_at, price_cents, seats, seats),
        )

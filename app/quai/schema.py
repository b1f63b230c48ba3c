"""The database's schema, by Alembic migrations under an advisory lock."""

import time
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection, create_engine, text

_ASK_AGAIN_S = 0.2

HEAD = "0002"
# The oldest schema that this build runs on. A migration that expands is deployed before the build that
# needs it; one that contracts, after the last build that needed what it removes.
OLDEST_SERVED = "0001"
_LOCK = 7_281_003  # any number, the same for all: two jobs at a time would migrate one after the other


def _wait_for_turn(connection: Connection) -> None:
    """Asks again and again: waiting inside a statement would hold a snapshot, for which an index that is
    made concurrently by the job before us waits in turn."""
    while True:
        mine = connection.execute(text("SELECT pg_try_advisory_lock(:lock)"), {"lock": _LOCK}).scalar_one()
        connection.commit()
        if mine:
            return
        time.sleep(_ASK_AGAIN_S)


def migrate(database_url: str, revision: str = "head") -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    engine = create_engine(database_url.replace("postgresql://", "postgresql+psycopg://", 1))
    with engine.connect() as connection:
        _wait_for_turn(connection)
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
    engine.dispose()

"""`python -m quai SERVICE`: runs one service, or one of the jobs `migrate` and `seed`."""

import argparse
import asyncio
from collections.abc import Callable

from quai import logs
from quai.config import Settings


def _catalog(settings: Settings) -> None:
    from quai.catalog.app import create_app
    from quai.serving import serve

    serve(create_app(settings), settings)


def _orders(settings: Settings) -> None:
    from quai.orders.app import create_app
    from quai.serving import serve

    serve(create_app(settings), settings)


def _paysim(settings: Settings) -> None:
    from quai.paysim.app import create_app
    from quai.serving import serve

    serve(create_app(settings), settings)


def _notifier(settings: Settings) -> None:
    from quai.notifier.app import create_app
    from quai.serving import serve

    serve(create_app(settings), settings)


def _loadgen(settings: Settings) -> None:
    from quai.loadgen.main import run

    asyncio.run(run(settings))


def _migrate(settings: Settings) -> None:
    from quai.schema import migrate

    migrate(settings.database_url)


def _seed(settings: Settings) -> None:
    from quai.seed import seed

    asyncio.run(seed(settings))


# Imported on demand: a service does not pay for the libraries of the others.
ROLES: dict[str, Callable[[Settings], None]] = {
    "catalog": _catalog,
    "orders": _orders,
    "paysim": _paysim,
    "notifier": _notifier,
    "loadgen": _loadgen,
    "migrate": _migrate,
    "seed": _seed,
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m quai", description=__doc__)
    parser.add_argument("role", choices=ROLES)
    role = parser.parse_args().role
    settings = Settings.from_environment(role)
    logs.configure(role, settings.log_level)
    ROLES[role](settings)


if __name__ == "__main__":
    main()

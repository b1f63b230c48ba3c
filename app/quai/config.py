"""Settings of a service, all from the environment (QUAI_…), so that a chart or a test sets them alike."""

import os
from dataclasses import dataclass, fields
from typing import Any

SAFE_ENVIRONMENTS = ("test", "demo")  # where faults may be switched on


@dataclass(frozen=True)
class Settings:
    """One service's settings. Times are in seconds."""

    role: str = "test"
    environment: str = "production"
    version: str = "dev"
    host: str = "127.0.0.1"
    port: int = 8000
    log_level: str = "info"
    database_url: str = ""
    # A pool as large as what PostgreSQL is meant to serve at once: instances * pool_max stays well
    # below its max_connections, and a request that finds none free fails in pool_timeout_s.
    pool_min: int = 2
    pool_max: int = 8
    pool_timeout_s: float = 2.0
    statement_timeout_ms: int = 3000
    lock_timeout_ms: int = 1000
    hold_seconds: float = 120.0
    drain_s: float = 5.0  # readiness fails for so long before connections are closed
    paysim_url: str = ""
    payment_timeout_s: float = 3.0
    rate_per_second: float = 200.0  # of one API key on one instance
    rate_burst: int = 400
    # Faults, in SAFE_ENVIRONMENTS only: share of requests that fail, delay of each.
    fault_error_ratio: float = 0.0
    fault_delay_s: float = 0.0
    # loadgen
    target_url: str = ""
    api_key: str = ""
    journeys_per_second: float = 8.0
    in_flight_max: int = 200
    seed: int = 1
    duration_s: float = 0.0  # 0: until ended
    # notifier: where mails go; empty: they are logged
    mail_url: str = ""

    @property
    def may_fail_on_purpose(self) -> bool:
        return self.environment in SAFE_ENVIRONMENTS

    @classmethod
    def from_environment(cls, role: str) -> "Settings":
        """Reads QUAI_<FIELD>; a value that is no number where one is wanted ends the program."""
        values: dict[str, Any] = {"role": role}
        for field in fields(cls):
            text = os.environ.get(f"QUAI_{field.name.upper()}")
            if text is None or field.name == "role":
                continue
            try:
                values[field.name] = _converted(text, field.default)
            except ValueError as error:
                raise SystemExit(f"cannot read QUAI_{field.name.upper()}={text!r}: {error}") from None
        return cls(**values)


def _converted(text: str, default: object) -> object:
    if isinstance(default, int):
        return int(text)
    if isinstance(default, float):
        return float(text)
    return text

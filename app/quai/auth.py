"""API keys `quai_<id>.<secret>`: argon2 in the database, and a rate limit each.

argon2 takes tens of milliseconds on purpose, so what it found is remembered for a minute under a
SHA-256 of the key; a revoked key is refused at latest then.
"""

import asyncio
import hashlib
import re
import secrets
import time
from collections import OrderedDict
from dataclasses import dataclass
from typing import Annotated

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from fastapi import Depends, Request
from fastapi.security import APIKeyHeader

from quai.problems import ProblemError
from quai.serving import Service, service_of

REMEMBERED_S = 60
REMEMBERED_MAX = 4096
_KEY = re.compile(r"^Bearer quai_([a-z0-9]{1,32})\.([A-Za-z0-9_-]{20,64})$")
_hasher = PasswordHasher(time_cost=2, memory_cost=19456, parallelism=1)  # OWASP's minimum for argon2id
_scheme = APIKeyHeader(name="Authorization", scheme_name="ApiKey", auto_error=False)


@dataclass
class Customer:
    """Who asks, and how many requests they may still make: a token bucket."""

    key_id: str
    tokens: float
    filled_at: float
    checked_at: float

    def take(self, now: float, rate: float, burst: int) -> float:
        """0 when there was a token, else the seconds until there is one."""
        self.tokens = min(float(burst), self.tokens + (now - self.filled_at) * rate)
        self.filled_at = now
        if self.tokens < 1:
            return (1 - self.tokens) / rate
        self.tokens -= 1
        return 0.0


class Keyring:
    """Keys that were right a moment ago, the least recently used forgotten first."""

    def __init__(self) -> None:
        self._known: OrderedDict[bytes, Customer] = OrderedDict()

    async def customer(self, service: Service, header: str) -> Customer | None:
        fingerprint = hashlib.sha256(header.encode()).digest()
        now = time.monotonic()
        known = self._known.get(fingerprint)
        if known and now - known.checked_at < REMEMBERED_S:
            self._known.move_to_end(fingerprint)
            return known
        key_id = await _verify(service, header)
        if key_id is None:
            self._known.pop(fingerprint, None)
            return None
        if known:
            known.checked_at = now
        else:
            known = self._known[fingerprint] = Customer(key_id, service.settings.rate_burst, now, now)
        while len(self._known) > REMEMBERED_MAX:
            self._known.popitem(last=False)
        return known


async def _verify(service: Service, header: str) -> str | None:
    match = _KEY.match(header)
    if not match or service.database is None:
        return None
    async with service.database.transaction() as connection:
        cursor = await connection.execute("SELECT hash FROM api_keys WHERE id = %s AND revoked_at IS NULL", (match[1],))
        row = await cursor.fetchone()
    if row is None:
        return None
    try:
        await asyncio.to_thread(_hasher.verify, row[0], match[2])
    except (VerificationError, InvalidHashError):
        return None
    return match[1]


def new_key(key_id: str) -> tuple[str, str]:
    """A key for the Authorization header, and what the database keeps of it."""
    secret = secrets.token_urlsafe(24)
    return f"Bearer quai_{key_id}.{secret}", _hasher.hash(secret)


async def _customer(request: Request, header: Annotated[str | None, Depends(_scheme)]) -> Customer:
    service = service_of(request)
    keyring: Keyring = request.app.state.keyring
    customer = await keyring.customer(service, header) if header else None
    if customer is None:
        raise ProblemError(401, "Unauthorized", "a valid API key is needed", {"WWW-Authenticate": "Bearer"})
    wait = customer.take(time.monotonic(), service.settings.rate_per_second, service.settings.rate_burst)
    if wait:
        service.metrics.limited.inc()
        raise ProblemError(429, "Too many requests", "slow down", {"Retry-After": str(int(wait) + 1)})
    return customer


KnownCustomer = Annotated[Customer, Depends(_customer)]

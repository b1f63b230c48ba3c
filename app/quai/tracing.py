"""W3C trace context: who belongs to which request, over all services and logs.

https://www.w3.org/TR/trace-context/: version-traceid-parentid-flags, lower-case hexadecimal.
"""

import contextvars
import re
import secrets

_TRACEPARENT = re.compile(r"^[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}(-.*)?$")
_NO_TRACE, _NO_SPAN = "0" * 32, "0" * 16

_trace_id: contextvars.ContextVar[str] = contextvars.ContextVar("trace_id", default="")
_span_id: contextvars.ContextVar[str] = contextvars.ContextVar("span_id", default="")


def enter(traceparent: str | None) -> None:
    """Joins the caller's trace, or begins one when the header is absent or malformed."""
    match = _TRACEPARENT.match(traceparent or "")
    known = match and match[1] != _NO_TRACE and match[2] != _NO_SPAN
    _trace_id.set(match[1] if match and known else secrets.token_hex(16))
    _span_id.set(secrets.token_hex(8))


def trace_id() -> str:
    return _trace_id.get()


def traceparent() -> str:
    """The header for calls to other services."""
    return f"00-{_trace_id.get() or secrets.token_hex(16)}-{secrets.token_hex(8)}-01"

"""What came of one request."""

from datetime import datetime
from typing import Literal, NamedTuple

ErrorKind = Literal["guard", "dns", "refused", "unreachable", "timeout", "tls", "reset", "protocol"]
"""guard: not connected to, on purpose. unreachable: no way to the address. reset: closed before an answer came.
protocol: what came is not HTTP, or its head is over a limit."""

ANSWER_HEAD = 2048
"""Octets of an answer's body that are kept."""


class Reply(NamedTuple):
    """An answer, or why there is none: either `status` or `error_kind` is set."""

    status: int | None
    error_kind: ErrorKind | None
    error: str | None
    """A sentence without its end; without secrets."""
    retry_after: str | None
    """The header as it came."""
    location: str | None
    answer_head: str
    """At most 2 KB as UTF-8, without NUL."""
    connected_ip: str | None
    duration_ms: int
    """With the wait for a connection, and a second try."""
    answered_at: datetime
    """In UTC, by this machine's clock: what a date in Retry-After is compared with."""

"""What an account may send, and over how many connections."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Rates are None where there is none."""

    rate_per_minute: int | None = None
    rate_per_hour: int | None = None
    domain_rate_per_minute: int | None = None
    """For each receiving domain."""
    domain_rate_per_hour: int | None = None
    domain_concurrency: int = 2
    """Connections that may be busy with one receiving domain at once."""
    max_connections: int = 4
    messages_per_connection: int = 100
    idle_close: float = 25.0
    """Seconds after which a connection is closed that has nothing to do."""


NO_LIMITS = Limits()

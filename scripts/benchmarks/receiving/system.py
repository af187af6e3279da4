"""What the benchmark asks of each way to get a mailbox."""

from abc import ABC, abstractmethod
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Got:
    """What a mailbox took."""

    seconds: float
    cpu: float
    """Seconds of CPU of the process that fetches, with those below it."""
    messages: int


class Fetcher(ABC):
    """A way to get it, in a process of its own."""

    name: str

    @abstractmethod
    async def fetch(self, user: str, count: int) -> Got:
        """Get a user's INBOX with so many messages; return when the last one is done."""

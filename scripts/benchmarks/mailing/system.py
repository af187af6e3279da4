"""What the benchmark asks of each way to send."""

from abc import ABC, abstractmethod
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sent:
    """What a number of messages took."""

    seconds: float
    cpu: float
    """Seconds of CPU of the process that sends, with those below it."""


class Sender(ABC):
    """A way to send, in a process of its own."""

    name: str

    @abstractmethod
    async def send(self, count: int, port: int) -> Sent:
        """Send so many messages to a server on the loopback address; return when the last one is taken."""

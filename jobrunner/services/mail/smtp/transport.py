"""The seam between who sends mail and how it is sent."""

from dataclasses import dataclass
from typing import Protocol

from jobrunner.services.mail.address import Address
from jobrunner.services.mail.smtp.outcome import Phase, Result


@dataclass(frozen=True, slots=True)
class Envelope:
    """From whom and to whom: one recipient a transaction, so that one refusal concerns one recipient.

    The last two ask for notifications of delivery (RFC 3461); a server that offers no DSN is not asked.
    """

    sender: Address | None
    """None for the null path `<>` of automatic answers: nothing ever comes back (RFC 3834, 3.3)."""
    recipient: Address
    envid: str | None = None
    """Comes back in a notification as Original-Envelope-Id; at most 100 printable ASCII characters."""
    notify: str | None = None
    """When to notify: `NEVER`, or of SUCCESS, FAILURE and DELAY with commas; None leaves it to the server."""


class Transport(Protocol):
    """Hands over one message after another. One task uses it at a time."""

    @property
    def phase(self) -> Phase:
        """Where it is; after a cancelled `send`, where that was: in `Phase.DOT` nobody knows whether it was taken."""
        ...

    async def send(self, message: bytes, envelope: Envelope) -> Result:
        """Hand over one message. What goes wrong is in the result; nothing is raised but a cancellation.

        The message may be in its wire form already (`wire_form`), made at a moment when nobody waited for it.
        """
        ...

    async def close(self) -> None:
        """Take leave of the server, within seconds."""
        ...

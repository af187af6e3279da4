"""What a server offers."""

from typing import Self

from jobrunner.services.mail.imap.codes import code_of
from jobrunner.services.mail.imap.exchange import Exchange
from jobrunner.services.mail.imap.fault import Fault, LineBroken, one_line
from jobrunner.services.mail.imap.protocol import ImapProtocol


class Capabilities(frozenset[str]):
    """Names in capitals, as `IDLE` or `AUTH=PLAIN`."""

    @classmethod
    def from_text(cls, text: bytes) -> Self:
        """Return those that a text names."""
        return cls(text.decode("ascii", "replace").upper().split())

    @classmethod
    def from_code(cls, text: bytes) -> Self:
        """Return those that a greeting or the answer to a login tells by the way; empty where it does not."""
        code, argument = code_of(text)
        return cls.from_text(argument) if code == b"CAPABILITY" else cls()

    @property
    def mechanisms(self) -> list[str]:
        """The ways to log in by AUTHENTICATE, in capitals."""
        return sorted(name.removeprefix("AUTH=") for name in self if name.startswith("AUTH="))


async def ask_capabilities(protocol: ImapProtocol) -> Capabilities:
    """Return what the server offers now.

    Raises:
        LineBroken: it says nothing that makes sense.
    """
    answer = await protocol.execute(Exchange("CAPABILITY", protocol.new_tag(), wanted=(b"CAPABILITY",)))
    if answer.result != "OK" or not answer.answers:
        raise LineBroken(Fault.NONSENSE, one_line(answer.text))
    return Capabilities.from_text(answer.answers[-1][0].partition(b" ")[2])

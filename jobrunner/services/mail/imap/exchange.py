"""One command and what comes in answer to it."""

import asyncio
from collections.abc import Callable, Collection

import aioimaplib  # type: ignore[import-untyped]

from jobrunner.services.mail.imap.receiving import Caps, Pieces

ORDINARY = Caps()


class Exchange(aioimaplib.Command):  # type: ignore[misc]
    """A command as the library writes and checks it; what comes in answer is kept as it came, or handed on at once."""

    def __init__(
        self,
        name: str,
        tag: str,
        *args: str,
        by_uid: bool = False,
        wanted: Collection[bytes] = (),
        caps: Caps = ORDINARY,
        take: Callable[[bytes, Pieces], None] | None = None,
        on_continuation: Callable[[bytes], None] | None = None,
        wake: asyncio.Event | None = None,
    ) -> None:
        """`wanted` names the untagged answers that are kept, or given to `take`; the others are no concern of ours."""
        super().__init__(name, tag, *args, prefix="UID" if by_uid else "")
        self.caps = caps
        self.result = ""
        """`OK`, `NO` or `BAD`; empty while it runs."""
        self.text = b""
        """What stands behind that in the last line."""
        self.answers: list[Pieces] = []
        self.on_continuation = on_continuation
        self.wake = wake or asyncio.Event()
        """Set with each thing that happens."""
        self._wanted = wanted
        self._take = take

    @property
    def over(self) -> bool:
        """Whether its last line has come."""
        return bool(self.result)

    def receive(self, name: bytes, pieces: Pieces) -> None:
        """Take an untagged answer of that name, its `* ` cut off."""
        if name not in self._wanted:
            return
        if self._take is not None:
            self._take(name, pieces)
            self.wake.set()
        else:
            self.answers.append(pieces)

    def end(self, result: str, text: bytes) -> None:
        """Take the tagged line."""
        self.result, self.text = result, text
        self.close(text, result)
        self.wake.set()

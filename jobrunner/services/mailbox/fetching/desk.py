"""What the folders of one run have in common."""

import logging
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from jobrunner.db.sql import load
from jobrunner.services.mail.importing.reader import MailReader
from jobrunner.services.mail.importing.storing import Importer
from jobrunner.services.mailbox.accounts.loading import FetchAccount
from jobrunner.services.mailbox.accounts.tokens import Connect

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Portions:
    """How much is taken at a time."""

    messages: int = 500
    """Whose sizes are asked for at once; after so many it is looked whether the run is over."""
    batch_messages: int = 100
    batch_octets: int = MIB
    """A larger message comes alone, by windows, into a file."""
    largest: int = 64 * MIB
    """Octets of a message that is fetched whole; of a larger one its header and text (`email_message_max_size`)."""


@dataclass
class Desk:
    """What a run works with."""

    account: FetchAccount
    connect: Connect
    reader: MailReader
    importer: Importer
    log: logging.Logger
    is_over: Callable[[], bool]
    """Whether the run is to come to an end; what is under way is finished."""
    progress: Callable[[float, str], None] = lambda fraction, message: None
    portions: Portions = field(default_factory=Portions)
    counts: Counter[str] = field(default_factory=Counter)
    """Messages by what became of them."""
    found: int = 0
    done: int = 0

    async def fetch(self, statement: str, *arguments: Any) -> list[Any]:
        """Run one of this package's statements on a connection lent for it."""
        async with self.connect() as connection:
            rows: list[Any] = await connection.fetch(load(__package__, statement), *arguments)
            return rows

    def advance(self, messages: int) -> None:
        """Tell how far the run is."""
        self.done += messages
        if self.found:
            self.progress(self.done / self.found, f"{self.done} of {self.found} messages")

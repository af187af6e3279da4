"""What goes into an import, and what came of it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from jobrunner.services.mail.importing.parsing import ParsedMail

Kind = Literal["Personal", "Group"]
Stage = Literal["parse", "store"]


@dataclass(frozen=True, slots=True)
class AccountRef:
    """An account as it was when its fetch began."""

    kind: Kind
    id: int
    epoch: int
    """`email_account.epoch` or `inbound_email.epoch`."""

    @property
    def words(self) -> str:
        """How a log names it: numbers of accounts are those of one kind."""
        return f"the {'personal' if self.kind == 'Personal' else 'group'} account {self.id}"


@dataclass(frozen=True, slots=True)
class FolderRef:
    """A folder as the server has opened it."""

    name: str
    uid_validity: int


@dataclass(frozen=True, slots=True)
class Fetched:
    """One message that was fetched and read."""

    uid: int
    received: datetime
    """INTERNALDATE."""
    mail: ParsedMail
    flags: frozenset[str] = frozenset()
    """As the server writes them: `\\Seen`, `\\Flagged`, …"""
    is_late: bool = False
    """It was passed by before, and lies below the checkpoint."""
    stage: Stage = "parse"
    """Where its trouble came up, if it has one."""


Result = Literal[
    "Imported",  # a new mail
    "Merged",  # known already, from another account or folder, or from before
    "Known",  # its UID is below the checkpoint: nothing was done
    "Skipped",  # by a filter
    "Dropped",  # a notification of our own
    "Claimed",  # a report about mass mail (a bounce, say), which is kept as that
]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of one message."""

    uid: int
    result: Result
    mail: ParsedMail
    email_id: int | None = None
    filter: str | None = None
    """The name of the filter that skipped or moved it."""
    is_new_to_account: bool = False
    """It came to this account for the first time: its own steps (case, answer) are to be taken, on a merge too."""
    added_users: tuple[str, ...] = ()
    """Who has it now and had it not before."""
    notify_users: tuple[str, ...] = ()
    """Those of them that are to be told."""
    parent: tuple[str, str] | None = None
    """Type and id of the record that it is about."""

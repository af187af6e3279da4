"""Imports what was fetched from one folder: all of it with its checkpoint, or nothing (see the package)."""

import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import asyncpg

from jobrunner.db.connection import REPEATABLE
from jobrunner.errors import Conflict
from jobrunner.services.mail.importing.parsing import ParsedMail
from jobrunner.services.mail.importing.storing.batch import Batch, Taken
from jobrunner.services.mail.importing.storing.delivering import add_folder_members, deliver
from jobrunner.services.mail.importing.storing.files import discard_staged, settle_files, staged_files
from jobrunner.services.mail.importing.storing.filters import Filter, account_filters, decide
from jobrunner.services.mail.importing.storing.mails import store_mails
from jobrunner.services.mail.importing.storing.outcome import AccountRef, Fetched, FolderRef, Outcome
from jobrunner.services.mail.importing.storing.record_ids import RecordIds
from jobrunner.services.mail.importing.storing.troubles import record_troubles

log = logging.getLogger("jobrunner.mail")

REPEATS = 3
"""How often an import is begun that ended in a deadlock or a serialization failure."""

FollowUp = Callable[[Any, AccountRef, list[Outcome]], Awaitable[None]]
"""Called at the end of the transaction, to enqueue what follows: jobs of their own."""


class Claimant(Protocol):
    """Who takes a message in the place of the import: a report about mass mail is no mail to anybody."""

    def may_want(self, mail: ParsedMail) -> bool:
        """Return whether it is worth while to ask; without a look at the database."""
        ...

    async def take(self, connection: Any, mail: ParsedMail) -> bool:
        """Take a message, in the transaction of the import; false where it is to be imported as any other."""
        ...


class EpochChanged(Conflict):
    """The account was reset or removed while its mail was fetched: nothing was written."""


@dataclass(frozen=True)
class Importer:
    """How to import; one for many batches."""

    root: Path
    """The folder of files."""
    record_ids: RecordIds | None = None
    """None: no references name records, and notifications of our own are imported like any mail."""
    b2c: bool = False
    """A contact itself is the parent of its mail, not its account."""
    claimant: Claimant | None = None
    """For group accounts."""
    follow_up: FollowUp | None = None

    async def import_batch(
        self, connection: Any, account: AccountRef, folder: FolderRef, messages: Sequence[Fetched]
    ) -> list[Outcome]:
        """Import messages of one folder, in ascending UIDs, and move its checkpoint behind the last of them.

        `connection` is one of asyncpg and in no transaction.

        Raises:
            EpochChanged: the account was reset or removed.
            Conflict: the connection is in a transaction.
        """
        if connection.is_in_transaction():
            raise Conflict("an import begins its own transaction, and cannot be part of another one")
        staged = staged_files(message.mail for message in messages)
        await settle_files(connection, self.root, staged)
        for attempt in range(REPEATS):
            try:
                async with connection.transaction():
                    return await _Import(self, connection, account, folder).run(messages)
            except REPEATABLE:
                if attempt == REPEATS - 1:
                    raise
        raise AssertionError("unreachable")

    async def discard(self, messages: Sequence[Fetched]) -> None:
        """Remove the files of messages that were read and will not be imported."""
        await discard_staged(self.root, staged_files(message.mail for message in messages))


async def import_batch(
    connection: Any, account: AccountRef, folder: FolderRef, messages: Sequence[Fetched], *, root: Path
) -> list[Outcome]:
    """Import messages as `Importer.import_batch` does, with nothing that follows."""
    return await Importer(root).import_batch(connection, account, folder, messages)


class _Import:
    """One import."""

    def __init__(self, importer: Importer, connection: Any, account: AccountRef, folder: FolderRef) -> None:
        self.importer = importer
        self.batch = Batch(connection, account, folder, importer.record_ids, importer.b2c)

    async def run(self, messages: Sequence[Fetched]) -> list[Outcome]:
        """Import; in a transaction."""
        await self.batch.fetch("limit_transaction")
        owner = await self._owner()
        last_uid = await self._last_uid()
        outcomes: dict[int, Outcome] = {}
        taken: list[Taken] = []
        filters = await account_filters(self.batch.connection, self.batch.account)
        decided = await decide(filters, [message.mail for message in messages])
        for message, filter in zip(messages, decided, strict=True):
            outcome = await self._refused(message, last_uid, filter)
            if outcome is not None:
                outcomes[message.uid] = outcome
                continue
            group_folder = filter.group_folder_id if filter else owner["group_folder_id"]
            taken.append(Taken(message, filter, list(owner["user_ids"]), list(owner["team_ids"]), group_folder))
        if taken:
            await add_folder_members(self.batch, taken)
            await store_mails(self.batch, taken)
            outcomes |= await deliver(self.batch, taken, owner)
            await record_troubles(self.batch, taken)
        if messages:
            last = max((message.uid for message in messages if not message.is_late), default=0)
            received = max(message.received for message in messages)
            checkpoint = (self.batch.account.epoch, self.batch.folder.uid_validity, last, received)
            uids = [message.uid for message in messages]
            await self.batch.fetch("advance_folder", *self.batch.place, *checkpoint, uids)
        ordered = [outcomes[message.uid] for message in messages]
        if self.importer.follow_up is not None:
            await self.importer.follow_up(self.batch.connection, self.batch.account, ordered)
        return ordered

    async def _owner(self) -> Any:
        statement = "read_personal_account" if self.batch.account.kind == "Personal" else "read_group_account"
        rows = await self.batch.fetch(statement, self.batch.account.id, self.batch.folder.name)
        if not rows or rows[0]["epoch"] != self.batch.account.epoch:
            raise EpochChanged(
                f"{self.batch.account.words} was {'reset' if rows else 'removed'} while its mail was fetched"
            )
        return rows[0]

    async def _last_uid(self) -> int:
        """Lock the folder; return up to which UID all is done, 0 where the checkpoint is of other UIDs."""
        (row,) = await self.batch.fetch(
            "lock_folder", *self.batch.place, self.batch.account.epoch, self.batch.folder.uid_validity
        )
        if (row["epoch"], row["uid_validity"]) != (self.batch.account.epoch, self.batch.folder.uid_validity):
            return 0
        last: int = row["last_uid"]
        return last

    async def _refused(self, message: Fetched, last_uid: int, filter: Filter | None) -> Outcome | None:
        """Return what becomes of a message that is not imported, None of any other."""
        mail = message.mail
        if message.uid <= last_uid and not message.is_late:
            return Outcome(message.uid, "Known", mail)
        ids = self.importer.record_ids
        if ids is not None and mail.message_id is not None and ids.is_own_notification(mail.message_id):
            return Outcome(message.uid, "Dropped", mail)
        if await self._is_claimed(mail):
            return Outcome(message.uid, "Claimed", mail)
        if filter is not None and filter.action == "Skip":
            log.info(
                "the mail %s in %s of %s is skipped by the filter %s",
                mail.message_id or message.uid, self.batch.folder.name, self.batch.account.words, filter.name,
            )  # fmt: skip
            return Outcome(message.uid, "Skipped", mail, filter=filter.name)
        return None

    async def _is_claimed(self, mail: ParsedMail) -> bool:
        claimant = self.importer.claimant
        if claimant is None or self.batch.account.kind != "Group":
            return False
        try:
            if not claimant.may_want(mail):
                return False
            async with self.batch.connection.transaction():
                return await claimant.take(self.batch.connection, mail)
        except (*REPEATABLE, asyncpg.PostgresConnectionError, asyncpg.InterfaceError, asyncpg.InternalClientError):
            raise
        except Exception:  # a fault there must not cost the mail: it is imported like any other
            log.exception("a report about mass mail could not be judged and is imported as a mail")
            return False

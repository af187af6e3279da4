"""One run for one account: stores what waits for its Sent folder."""

import logging
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from jobrunner.config import Configuration
from jobrunner.db.queryable import Connect, Queryable
from jobrunner.db.secrets import Keyring, SecretUnreadable
from jobrunner.db.sql import load
from jobrunner.errors import Conflict, NotFound
from jobrunner.services.mail.imap import Fault, Limits, Mailbox, MailboxError, connect
from jobrunner.services.mail.importing.storing.outcome import AccountRef, Kind
from jobrunner.services.mail.patience import persist
from jobrunner.services.mailbox.accounts import state
from jobrunner.services.mailbox.accounts.loading import FetchAccount, load_account
from jobrunner.services.mailbox.accounts.tokens import keeping_token

LIST_COPIES = load(__package__, "list_copies")
READ_COPY = load(__package__, "read_copy")
FINISH_COPY = load(__package__, "finish_copy")
PUT_OFF_COPIES = load(__package__, "put_off_copies")

LIST_ACCOUNTS = load(__package__, "list_accounts")
WAKE_SENT_COPIES = load(__package__, "wake_sent_copies")

PORTION = 200
"""The most that is listed at once."""
TIME_SLICE = 50.0
"""Seconds after which no further mail is begun."""
DELAYS = tuple(timedelta(minutes=m) for m in (1, 2, 5, 10, 20, 30, 60))
GIVE_UP = timedelta(days=7)
SUSPICIOUS = 10.0
"""Seconds between search and answer after which another daemon may have done the same: we may have been frozen."""
REASON_LIMIT = 1000
LIMITS = Limits()


@dataclass
class Report:
    """What a run has done."""

    stored: int = 0
    found: int = 0
    """That were there already."""
    put_off: int = 0
    given_up: int = 0
    has_more: bool = False

    @property
    def found_nothing(self) -> bool:
        """Whether there was nothing to do."""
        return not any(asdict(self).values())


class StoreRun:
    """Stores what is due; `store` is called once."""

    def __init__(
        self,
        connect: Connect,
        configuration: Configuration,
        kind: Kind,
        account_id: int,
        *,
        cancelled: Callable[[], bool] = lambda: False,
        log: logging.Logger | None = None,
        limits: Limits = LIMITS,
    ) -> None:
        """Prepare a run.

        Args:
            connect: lends an asyncpg connection; none is held while the server is waited for.
            configuration: the keys.
            kind: of the account.
            account_id: its row.
            cancelled: tells whether to come to an end.
            log: where it tells what happens.
            limits: how long the server is waited for.
        """
        self.report = Report()
        self._connect = connect
        self._keyring = Keyring.from_configuration(configuration)
        self._kind: Kind = kind
        self._id = account_id
        self._cancelled = cancelled
        self._log = log or logging.getLogger("jobrunner.mail")
        self._limits = limits
        self._ends_at = time.monotonic() + TIME_SLICE

    async def store(self) -> Report:
        """Store what is due, and return what was done. What cannot be stored waits; its reason is noted."""
        copies = await self._fetch(LIST_COPIES, self._kind, self._id, PORTION)
        if not copies:
            return self.report
        try:
            async with self._connect() as connection:
                held = (await state.read_states(connection, self._kind, [self._id])).get(self._id)
                account = await load_account(connection, self._keyring, self._kind, self._id)
            if held is not None and held.paused_kind is not None:
                raise Conflict(f"the account is paused: {held.pause_reason}")
            account = replace(account, imap=replace(account.imap, limits=self._limits))
            async with keeping_token(account, self._keyring, self._connect):
                await self._store(account, copies)
        except MailboxError as error:
            if error.fault.concerns_login:
                # It waits as after a fetch that was refused: one that tries again and again is locked.
                async with self._connect() as connection:
                    await state.note_failure(
                        connection, AccountRef(self._kind, self._id, 0), str(error), fault=error.fault
                    )
            await self._put_off(str(error))
        except (NotFound, Conflict, SecretUnreadable) as error:
            await self._put_off(str(error))
        return self.report

    async def _store(self, account: FetchAccount, copies: list[Any]) -> None:
        if account.sent_folder is None:
            raise Conflict("no folder for sent mail is named any more")
        mailbox = await connect(account.imap)
        try:
            await _open(mailbox, account.sent_folder)
            for copy in copies:
                if self._cancelled() or time.monotonic() >= self._ends_at:
                    self.report.has_more = True
                    return
                try:
                    await self._store_one(mailbox, account.sent_folder, copy["id"], copy["message_id"], copy["sent_at"])
                except MailboxError as error:
                    if not error.fault.keeps_line or error.fault is Fault.BUSY:
                        raise
                    await self._put_off(str(error), copy["id"])  # the others are none the worse for it
            self.report.has_more = len(copies) == PORTION
            await mailbox.logout()
        finally:
            mailbox.drop()

    async def _store_one(self, mailbox: Mailbox, folder: str, id: int, message_id: str, sent_at: datetime) -> None:
        looked_at = time.monotonic()
        if await mailbox.find(message_id):
            self.report.found += 1
        else:
            rows = await self._fetch(READ_COPY, id)
            if not rows:
                return  # its account is gone, or another run was faster
            uid = await mailbox.append(folder, rows[0]["content"], flags=["\\Seen"], received=sent_at)
            if time.monotonic() - looked_at > SUSPICIOUS:
                await _remove_double(mailbox, message_id, uid)
            self.report.stored += 1
        await persist(lambda: self._fetch(FINISH_COPY, id))

    async def _put_off(self, reason: str, id: int | None = None) -> None:
        rows = await self._fetch(
            PUT_OFF_COPIES,
            self._kind,
            self._id,
            None if id is None else [id],
            reason[:REASON_LIMIT],
            DELAYS,
            GIVE_UP,
        )
        self.report.put_off += 1
        self.report.given_up += len(rows)
        self._log.warning("the Sent folder: %s", reason)
        for row in rows:
            self._log.error("the mail %s was sent, and could not be stored in a week: given up", row["message_id"])

    async def _fetch(self, statement: str, *arguments: Any) -> list[Any]:
        async with self._connect() as connection:
            rows: list[Any] = await connection.fetch(statement, *arguments)
            return rows


async def list_accounts(connection: Queryable) -> list[tuple[Kind, int]]:
    """Return the accounts for whose Sent folder something is due."""
    return [(row["kind"], row["id"]) for row in await connection.fetch(LIST_ACCOUNTS)]


async def wake(connection: Queryable, kind: Kind, id: int) -> None:
    """Place a job that goes on with an account."""
    await connection.fetch(WAKE_SENT_COPIES, kind, id)


async def _open(mailbox: Mailbox, folder: str) -> None:
    """Open the folder; one that is not there is made."""
    try:
        await mailbox.open(folder)
        return
    except MailboxError as error:
        if error.fault is not Fault.FOLDER:
            raise
    await mailbox.create(folder)
    try:
        await mailbox.subscribe(folder)
    except MailboxError as error:
        if not error.fault.keeps_line:
            raise
    await mailbox.open(folder)


async def _remove_double(mailbox: Mailbox, message_id: str, uid: int | None) -> None:
    """Take away what we have just stored, where another one stands before it."""
    found = await mailbox.find(message_id)
    if uid is not None and uid in found and min(found) < uid and "UIDPLUS" in mailbox.capabilities:
        await mailbox.delete([uid])

"""One run for one account."""

import asyncio
import logging
import re
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from jobrunner.config import Configuration
from jobrunner.db.secrets import Keyring, SecretUnreadable
from jobrunner.errors import LimitExceeded
from jobrunner.services.mail.imap import Fault, Folder, Limits, Mailbox, MailboxError, connect
from jobrunner.services.mail.importing.storing import AccountRef, EpochChanged, Importer
from jobrunner.services.mail.importing.storing.outcome import Kind
from jobrunner.services.mailbox.accounts import state
from jobrunner.services.mailbox.accounts.loading import FetchAccount, load_account
from jobrunner.services.mailbox.accounts.tokens import Connect, keeping_token
from jobrunner.services.mailbox.fetching.again import read_not_stored
from jobrunner.services.mailbox.fetching.desk import Desk, Portions
from jobrunner.services.mailbox.fetching.folder import fetch_folder
from jobrunner.services.mailbox.fetching.readers import files_root, shared_reader
from jobrunner.services.mailbox.lending import borrowed

TIME_SLICE = 50.0
"""Seconds after which a run begins no further portion, and leaves the rest to the next one."""
BUDGET = 600.0
"""Seconds after which a run is broken off, whatever it waits for."""
PORTIONS = Portions()
LIMITS = Limits()
UNMARKED = frozenset({"\\sent", "\\drafts"})
"""Folders, by their use, in which nothing is marked as read."""


@dataclass
class Report:
    """What a run has done."""

    account: str
    messages: dict[str, int] = field(default_factory=dict)
    """By what became of them."""
    has_more: bool = False
    """More is there: the next run follows at once."""
    troubles: list[str] = field(default_factory=list)
    """What is wrong with single folders."""
    troubled: list[str] = field(default_factory=list)
    """Which folders these are."""

    def note(self, folder: str, trouble: str) -> None:
        """Note what is wrong with one folder."""
        self.troubled.append(folder)
        self.troubles.append(trouble)

    @property
    def found_nothing(self) -> bool:
        """Whether there was nothing to do, and nothing to tell."""
        return not (self.messages or self.has_more or self.troubles)

    def as_dict(self) -> dict[str, Any]:
        """Return what stands in the job's result."""
        counts = {name.lower(): count for name, count in sorted(self.messages.items())}
        return {"account": self.account, **counts, "has_more": self.has_more, "troubles": self.troubles}


class FetchRun:
    """Fetches what is new; `fetch` is called once."""

    def __init__(
        self,
        connect: Connect,
        configuration: Configuration,
        kind: Kind,
        account_id: int,
        *,
        cancelled: Callable[[], bool] = lambda: False,
        progress: Callable[[float, str], None] = lambda fraction, message: None,
        log: logging.Logger | None = None,
        importer: Importer | None = None,
        portions: Portions = PORTIONS,
        limits: Limits = LIMITS,
        time_slice: float = TIME_SLICE,
        budget: float = BUDGET,
    ) -> None:
        """Prepare a run.

        Args:
            connect: lends an asyncpg connection; none is held while mail is fetched.
            configuration: the keys, and the folder of files.
            kind: of the account.
            account_id: its row.
            cancelled: tells whether to come to an end; what is under way is finished.
            progress: hears how far it is.
            log: where it tells what happens.
            importer: how mail is imported; by default with nothing that follows from it.
            portions: how much is taken at a time.
            limits: how long a server is waited for.
            time_slice: seconds after which it ends.
            budget: seconds after which it is broken off.
        """
        self._connect = connect
        self._keyring = Keyring.from_configuration(configuration)
        self._root: Path = files_root(configuration)
        self._kind: Kind = kind
        self._id = account_id
        self._cancelled = cancelled
        self._progress = progress
        self._log = log or logging.getLogger("jobrunner.mail")
        self._importer = importer or Importer(self._root)
        self._portions = portions
        self._limits = limits
        self._ends_at = time.monotonic() + time_slice
        self._budget = budget
        self._folder: str | None = None

    async def fetch(self) -> Report:
        """Fetch what is new and return what was done; what becomes of the account is noted.

        Raises:
            NotFound: there is no such account.
            Conflict: it is not to be fetched from.
            MailboxError: the server cannot be used. What was imported until then stays.
            SecretUnreadable: the password cannot be opened.
            LimitExceeded: the run took longer than its budget.
        """
        ref = AccountRef(self._kind, self._id, 0)
        try:
            async with self._connect() as connection:
                account = await load_account(connection, self._keyring, self._kind, self._id)
            account = replace(account, imap=replace(account.imap, limits=self._limits))
            return await self._within_budget(account)
        except MailboxError as error:
            await self._note_failure(ref, str(error), error.fault)
            raise
        except (SecretUnreadable, LimitExceeded) as error:
            await self._note_failure(ref, str(error), None)
            raise

    async def _within_budget(self, account: FetchAccount) -> Report:
        try:
            async with asyncio.timeout(self._budget) as timer:
                return await self._fetch(account)
        except TimeoutError:
            if not timer.expired():
                raise
            raise LimitExceeded(
                f"fetching from {account} took more than {self._budget:g} s and was broken off; what was imported stays"
            ) from None

    async def _fetch(self, account: FetchAccount) -> Report:
        report = Report(account.name)
        async with keeping_token(account, self._keyring, self._connect), shared_reader(self._root) as reader:
            desk = Desk(
                account, self._connect, reader, self._importer, self._log, self._is_over, self._progress, self._portions
            )
            try:
                async with self._mailbox(account) as mailbox:
                    await self._folders(desk, mailbox, report)
                await read_not_stored(desk)
            except EpochChanged as error:
                self._log.info("%s: %s", account, error)
                report.has_more = True
            finally:
                report.messages = dict(desk.counts)
        trouble, folder = next(zip(report.troubles, report.troubled, strict=True), (None, None))
        async with self._connect() as connection:
            await state.note_success(connection, account.ref, trouble=trouble, folder=folder)
        return report

    @asynccontextmanager
    async def _mailbox(self, account: FetchAccount) -> AsyncIterator[Mailbox]:
        """Borrow the connection that watches the account, where that is in this process; else make one."""
        async with borrowed((self._kind, self._id), account.imap) as lent:
            if lent is not None:
                yield lent
                return
        mailbox = await connect(account.imap)
        try:
            yield mailbox
            await mailbox.logout()
        finally:
            mailbox.drop()

    async def _folders(self, desk: Desk, mailbox: Mailbox, report: Report) -> None:
        folders = await self._monitored(desk.account, mailbox)
        for place, (name, marks) in enumerate(folders):
            if place and self._is_over():
                report.has_more = True
                return
            self._folder = name
            try:
                end = await fetch_folder(desk, mailbox, name, marks=marks)
            except MailboxError as error:
                if not error.fault.keeps_line or error.fault is Fault.BUSY:
                    raise
                # The other folders are none the worse for it.
                self._log.warning("the folder %s: %s", name, error)
                report.note(name, f"the folder {name}: {error}")
                continue
            report.has_more |= end.has_more
            if end.trouble is not None:
                report.note(name, end.trouble)
        self._folder = None

    async def _monitored(self, account: FetchAccount, mailbox: Mailbox) -> list[tuple[str, bool]]:
        """Return the names of the folders to read, each with whether messages in it are marked as read."""
        marks = not account.keep_unread
        if account.folders == ("INBOX",):
            return [("INBOX", marks)]
        listed = await mailbox.folders()
        uses = {folder.name: folder for folder in listed}
        names = [name for wanted in account.folders for name in _matching(wanted, listed)]

        def is_marked(name: str) -> bool:
            folder = uses.get(name)
            return marks and name != account.sent_folder and not (folder and folder.flags & UNMARKED)

        return [(name, is_marked(name)) for name in dict.fromkeys(names)]

    async def _note_failure(self, ref: AccountRef, reason: str, fault: Fault | None) -> None:
        async with self._connect() as connection:
            held = await state.note_failure(connection, ref, reason, fault=fault, folder=self._folder)
        if held is None:
            return
        if held.paused:
            self._log.error("the account is paused until somebody resumes it: %s", reason)
        else:
            self._log.warning("next try at %s: %s", held.retry_at.isoformat(" ", "seconds"), reason)

    def _is_over(self) -> bool:
        return self._cancelled() or time.monotonic() >= self._ends_at


def _matching(wanted: str, listed: list[Folder]) -> list[str]:
    """Return the names that a monitored folder stands for; one without `*` stands for itself, there or not."""
    if "*" not in wanted:
        return [wanted]
    pattern = re.compile(".*".join(map(re.escape, wanted.split("*"))), re.DOTALL)
    return [folder.name for folder in listed if folder.selectable and pattern.fullmatch(folder.name)]

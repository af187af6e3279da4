"""One account that is watched."""

import asyncio
import logging
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from jobrunner.db.connection import TRANSIENT, Connection
from jobrunner.db.secrets import Keyring
from jobrunner.errors import Conflict, JobrunnerError, NotFound
from jobrunner.services.mail.imap import (
    Fault,
    Idle,
    Limits,
    Mailbox,
    MailboxError,
    OpenFolder,
    Push,
    PushKind,
    connect,
)
from jobrunner.services.mail.importing.storing.outcome import AccountRef, Kind
from jobrunner.services.mailbox.accounts.loading import FetchAccount, load_account
from jobrunner.services.mailbox.accounts.state import note_failure
from jobrunner.services.mailbox.accounts.tokens import keeping_token
from jobrunner.services.mailbox.fetching.waking import wake_fetch
from jobrunner.services.mailbox.lending import Line, offering

PAUSES = (1.0, 300.0)
"""Seconds before a connection that was lost is made anew: the first, doubling to the longest."""
HELD = 60.0
"""Seconds that a connection must have held for the pauses to begin anew."""

log = logging.getLogger("jobrunner.mail")


class CannotWatch(JobrunnerError):
    """The server has no IDLE, or refuses it."""


class Watch:
    """Watches one account: `run` ends when it cannot be watched any more, or is cancelled."""

    def __init__(
        self,
        kind: Kind,
        id: int,
        *,
        connection: Connection,
        keyring: Keyring,
        renew: float,
        entrance: asyncio.Semaphore,
        limits: Limits | None = None,
        on_push: Callable[[], Awaitable[object]] | None = None,
    ) -> None:
        """Prepare it.

        Args:
            kind: of the account.
            id: its row.
            connection: for what is read and placed; shared with others.
            keyring: opens the account's secrets.
            renew: seconds after which IDLE is begun anew.
            entrance: lets so many connect at the same time.
            limits: how long the server is waited for.
            on_push: what is done at a push; by default the account's job is placed.
        """
        self.ref = AccountRef(kind, id, 0)
        self.alive = False
        """Whether a connection stands and IDLE is under way."""
        self._connection = connection
        self._keyring = keyring
        self._renew = renew
        self._entrance = entrance
        self._limits = limits
        self._on_push = on_push or self._wake

    async def run(self) -> None:
        """Watch for as long as that is possible.

        Raises:
            CannotWatch: the server cannot.
        """
        pause = PAUSES[0]
        while True:
            began = time.monotonic()
            try:
                await self._watch()
            except MailboxError as error:
                if error.fault in (Fault.UNSUPPORTED, Fault.DENIED):
                    raise CannotWatch(str(error)) from None
                if error.fault.concerns_login:
                    # It waits as after a fetch that was refused: one that tries again and again is locked.
                    await note_failure(self._connection, self.ref, str(error), fault=error.fault)
                    return
                log.info("watching %s: %s", self.ref.words, error)
            except (*TRANSIENT, TimeoutError) as error:
                log.info("watching %s: %s", self.ref.words, error)
            except (NotFound, Conflict):
                return  # it is not to be read any more
            finally:
                self.alive = False
            if time.monotonic() - began > HELD:
                pause = PAUSES[0]
            await asyncio.sleep(pause * random.uniform(0.5, 1.0))
            pause = min(2 * pause, PAUSES[1])

    async def _watch(self) -> None:
        """Watch until the connection is lost."""
        account = await load_account(self._connection, self._keyring, self.ref.kind, self.ref.id)
        if self._limits is not None:
            account = replace(account, imap=replace(account.imap, limits=self._limits))
        async with keeping_token(account, self._keyring, self._lend):
            async with self._entrance:
                mailbox = await connect(account.imap)
            line = Line(account.imap)
            try:
                with offering((self.ref.kind, self.ref.id), line):
                    await self._idle(mailbox, _watched_folder(account), line)
            finally:
                if not line.close():
                    mailbox.drop()

    async def _idle(self, mailbox: Mailbox, folder: str, line: Line) -> None:
        """Idle, and lend the connection where it is asked for; until it is lost."""
        opened = await mailbox.open(folder, read_only=True)
        fetched: OpenFolder | None = None
        while True:
            async with mailbox.idle(renew=self._renew) as idle:
                while (push := await _next(idle, line)) is not None:
                    self.alive = True
                    if push.kind is PushKind.STARTED and _is_known(push, opened, fetched):
                        fetched = None
                        continue
                    # Flags that changed, our own marks too, and messages that went are no reason to fetch.
                    if push.kind is PushKind.STARTED or push.exists is not None:
                        await self._on_push()
            await line.lend(mailbox)
            if not mailbox.usable:
                return
            fetched = mailbox.last_opening(folder)
            opened = await mailbox.open(folder, read_only=True)

    async def _wake(self) -> None:
        kind, id = self.ref.kind, self.ref.id
        await self._connection.transaction(lambda raw: wake_fetch(raw, kind, id))

    @asynccontextmanager
    async def _lend(self) -> AsyncIterator[Any]:
        yield self._connection


async def _next(idle: Idle, line: Line) -> Push | None:
    """Return what is told next; None as soon as somebody asks for the connection."""
    asked, told = asyncio.create_task(line.asked.wait()), asyncio.create_task(idle.next())
    try:
        await asyncio.wait((asked, told), return_when=asyncio.FIRST_COMPLETED)
    finally:
        asked.cancel()
        if not told.done():
            told.cancel()
            await asyncio.wait((told,))
    return None if told.cancelled() else told.result()


def _is_known(push: Push, opened: OpenFolder, fetched: OpenFolder | None) -> bool:
    """Whether nothing came since the fetch that borrowed the connection, when IDLE begins anew after it."""
    return (
        fetched is not None
        and fetched is not opened
        and (fetched.uid_validity, fetched.uid_next) == (opened.uid_validity, opened.uid_next)
        and opened.uid_next is not None
        and push.exists in (None, opened.exists)
    )


def _watched_folder(account: FetchAccount) -> str:
    """Return the one folder that is watched: INBOX, unless that is not read."""
    plain = [name for name in account.folders if "*" not in name]
    return "INBOX" if "INBOX" in plain or not plain else plain[0]

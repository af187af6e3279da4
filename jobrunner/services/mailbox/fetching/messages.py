"""Brings messages of an open folder over: downloads, reads and imports at the same time, in the order of their UIDs."""

import asyncio
import contextlib
import secrets
from collections import deque
from collections.abc import AsyncGenerator, Iterable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import takewhile
from pathlib import Path

import asyncpg

from jobrunner.services.mail.imap import Details, Fault, Mailbox, MailboxError, Message, plan_batches
from jobrunner.services.mail.importing.parsing import ParsedMail
from jobrunner.services.mail.importing.source_only import source_only
from jobrunner.services.mail.importing.staging import staged_place
from jobrunner.services.mail.importing.storing import Fetched, FolderRef, Outcome
from jobrunner.services.mail.importing.storing.troubles import NOT_ITS_FAULT
from jobrunner.services.mailbox.fetching.desk import Desk
from jobrunner.services.mailbox.fetching.oversize import fetch_reduced, with_parts

BATCHES_IN_FLIGHT = 2
"""Of what `Mailbox.fetch` asks for at once."""
READ_AHEAD = 2
"""Groups of messages that are being read while one is imported."""
REFUSALS = 3
"""In so many runs a message that the server will not hand over is waited for; then it is passed by."""


class Withheld(Exception):
    """The server will not hand a message over now; what comes after it waits for the next run."""

    def __init__(self, uid: int, words: str) -> None:
        super().__init__(uid, words)
        self.uid = uid
        self.words = words


@dataclass
class _Group:
    """Messages that are read, and imported in one transaction."""

    details: list[Details]
    sources: list[bytes | Path]
    file: Path | None = None
    """Of the one large message."""
    reduced: ParsedMail | None = None


class Messages:
    """Those of one folder."""

    def __init__(self, desk: Desk, mailbox: Mailbox, folder: FolderRef, *, marks: bool, late: bool = False) -> None:
        """`marks`: what was imported is marked as read at the server; `late`: they were passed by before."""
        self._desk = desk
        self._mailbox = mailbox
        self._folder = folder
        self._marks = marks
        self._late = late

    async def bring(self, details: Sequence[Details]) -> None:
        """Import these messages, ascending; those that are gone meanwhile are left out.

        Raises:
            Withheld: the server will not hand over one of them; those before it are imported.
            MailboxError: the connection is over; what was imported until then stays.
        """
        ended: Withheld | MailboxError | None = None
        reading: deque[tuple[_Group, asyncio.Task[list[ParsedMail]]]] = deque()
        try:
            async with aclosing(self._groups(details)) as groups:
                try:
                    async for group in groups:
                        reading.append((group, asyncio.create_task(self._read(group))))
                        if len(reading) > READ_AHEAD:
                            await self._import(*reading.popleft())
                except (Withheld, MailboxError) as error:
                    ended = error  # what came before it is good
            while reading:
                await self._import(*reading.popleft())
        finally:
            for group, task in reading:
                await self._give_up(group, task)
        if self._marks and not isinstance(ended, MailboxError):
            done = [one for one in details if ended is None or one.uid < ended.uid]
            unread = [one.uid for one in done if "\\Seen" not in one.flags]
            if unread:
                await self._mailbox.add_flags(unread, ["\\Seen"])
        if ended is not None:
            raise ended

    # Downloading

    async def _groups(self, details: Sequence[Details]) -> AsyncGenerator[_Group, None]:
        for run in _runs(details, self._desk.portions.batch_octets):
            if run[0].size > self._desk.portions.batch_octets:
                if group := await self._alone(run[0]):
                    yield group
                continue
            async with aclosing(self._small(run)) as groups:
                async for group in groups:
                    yield group

    async def _alone(self, one: Details) -> _Group | None:
        """Return a large message; None where it is gone, or is passed by."""
        try:
            if one.size > self._desk.portions.largest:
                return await self._reduced(one)
            return await self._large(one)
        except MailboxError as error:
            if not error.fault.keeps_line or error.fault is Fault.BUSY:
                raise
            if error.fault is not Fault.VANISHED and not await self._pass_by(one.uid, str(error)):
                raise Withheld(one.uid, str(error)) from None
            return None

    async def _small(self, run: Sequence[Details]) -> AsyncGenerator[_Group, None]:
        portions = self._desk.portions
        plan = plan_batches(run, most_messages=portions.batch_messages, most_octets=portions.batch_octets)
        batch_of = {uid: number for number, batch in enumerate(plan.batches) for uid in batch}
        details = {one.uid: one for one in run}
        arrived: list[dict[int, Message]] = [{} for _ in plan.batches]
        done = 0
        withheld: Withheld | None = None
        lost: MailboxError | None = None
        async with aclosing(self._mailbox.fetch(plan.batches, octets=plan.octets)) as messages:
            try:
                # Read to its end whatever comes, for left before that the connection would be lost.
                async for message in messages:
                    number = batch_of[message.uid]
                    arrived[number][message.uid] = message
                    # Of a batch that is refused as a whole each message is asked for again, behind the batch after it.
                    while withheld is None and done <= number - BATCHES_IN_FLIGHT:
                        group, withheld = await self._taken(details, arrived[done])
                        arrived[done] = {}
                        done += 1
                        if group:
                            yield group
            except MailboxError as error:
                lost = error
        while withheld is None and done < len(arrived):
            came = arrived[done]
            if lost is not None:
                came = {uid: came[uid] for uid in takewhile(came.__contains__, plan.batches[done])}
            group, withheld = await self._taken(details, came)
            if group:
                yield group
            if lost is not None and len(came) < len(plan.batches[done]):
                break  # the next one of it may be still to come
            done += 1
        if lost is not None:
            raise lost
        if withheld is not None:
            raise withheld

    async def _taken(
        self, details: dict[int, Details], arrived: dict[int, Message]
    ) -> tuple[_Group | None, Withheld | None]:
        """Return what came of one batch, up to a message that is withheld."""
        taken: list[Message] = []
        withheld: Withheld | None = None
        for message in sorted(arrived.values(), key=lambda one: one.uid):
            if message.refused is None:
                taken.append(message)
            elif not await self._pass_by(message.uid, message.refused):
                withheld = Withheld(message.uid, message.refused)
                break
        if not taken:
            return None, withheld
        return _Group([details[one.uid] for one in taken], [one.source for one in taken]), withheld

    async def _large(self, one: Details) -> _Group:
        file = staged_place(self._desk.reader.root, secrets.token_hex(16))
        try:
            with await asyncio.to_thread(file.open, "xb") as out:
                windows = self._mailbox.windows(one.uid, one.size, at_most=self._desk.portions.largest)
                async with aclosing(windows):
                    async for window in windows:
                        await asyncio.to_thread(out.write, window)
        except BaseException:
            file.unlink(missing_ok=True)
            raise
        return _Group([one], [file], file)

    async def _reduced(self, one: Details) -> _Group:
        """A message that is not fetched whole: its header and text, and where its other parts are."""
        source, parts = await fetch_reduced(self._mailbox, one)
        (mail,) = await self._desk.reader.parse([source])
        return _Group([one], [], reduced=with_parts(mail, parts, one.size))

    async def _pass_by(self, uid: int, words: str) -> bool:
        """Note that the server will not hand a message over; return whether that was so often enough to go on."""
        ref, folder = self._desk.account.ref, self._folder
        self._desk.log.warning("message %d in %s is not handed over: %s", uid, folder.name, words)
        (row,) = await self._desk.fetch(
            "note_message_failure",
            ref.kind,
            ref.id,
            folder.name,
            folder.uid_validity,
            uid,
            "fetch",
            words[:1000],
            REFUSALS,
        )
        passed: bool = row["attempts"] >= REFUSALS
        return passed

    # Reading and importing

    async def _read(self, group: _Group) -> list[ParsedMail]:
        if group.reduced is not None:
            return [group.reduced]
        return await self._desk.reader.parse(group.sources)

    async def _import(self, group: _Group, task: "asyncio.Task[list[ParsedMail]]") -> None:
        try:
            mails = await task
            now = datetime.now(UTC)
            fetched = [
                Fetched(one.uid, one.received or now, mail, one.flags, self._late)
                for one, mail in zip(group.details, mails, strict=True)
            ]
            for outcome in await self._store(fetched, group.sources):
                self._desk.counts[outcome.result] += 1
        except asyncio.CancelledError:
            await self._give_up(group, task)
            raise
        finally:
            if group.file is not None:
                group.file.unlink(missing_ok=True)
        self._desk.advance(len(group.details))

    async def _store(self, fetched: Sequence[Fetched], sources: Sequence[bytes | Path]) -> list[Outcome]:
        try:
            return await self._import_batch(fetched)
        except NOT_ITS_FAULT:
            raise
        except asyncpg.PostgresError as error:
            if len(fetched) == 1:
                return await self._keep_source(fetched[0], sources, error)
        # One of them is what the database does not take: each alone.
        outcomes: list[Outcome] = []
        for place, one in enumerate(fetched):
            outcomes += await self._store([one], sources[place : place + 1])
        return outcomes

    async def _keep_source(
        self, one: Fetched, sources: Sequence[bytes | Path], error: asyncpg.PostgresError
    ) -> list[Outcome]:
        """Import nothing but the source of a message, so that it holds up none of those that follow."""
        if not sources or one.mail.trouble is not None:
            raise error
        reason = f"could not be stored: {error}"
        self._desk.log.error("message %d in %s %s", one.uid, self._folder.name, reason)
        mail = await asyncio.to_thread(source_only, self._desk.reader.root, sources[0], reason)
        return await self._import_batch([replace(one, mail=mail, stage="store")])

    async def _import_batch(self, fetched: Sequence[Fetched]) -> list[Outcome]:
        desk = self._desk
        async with desk.connect() as connection:
            return await desk.importer.import_batch(connection, desk.account.ref, self._folder, fetched)

    async def _give_up(self, group: _Group, task: "asyncio.Task[list[ParsedMail]]") -> None:
        """Leave nothing of messages that will not be imported in this run."""
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError, Exception):
            mails = await task
            now = datetime.now(UTC)
            await self._desk.importer.discard([Fetched(0, now, mail) for mail in mails])
        if group.file is not None:
            group.file.unlink(missing_ok=True)


def _runs(details: Iterable[Details], batch_octets: int) -> list[list[Details]]:
    """Return the messages in their order, each that is larger than a batch alone."""
    runs: list[list[Details]] = []
    joins = False
    for one in details:
        is_large = one.size > batch_octets
        if joins and not is_large:
            runs[-1].append(one)
        else:
            runs.append([one])
        joins = not is_large
    return runs

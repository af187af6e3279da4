"""One folder: which of its messages are new, and how far it is read."""

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

from jobrunner.services.mail.imap import Details, Mailbox, OpenFolder
from jobrunner.services.mail.importing.storing import FolderRef
from jobrunner.services.mailbox.fetching.again import fetch_passed_by
from jobrunner.services.mailbox.fetching.desk import Desk
from jobrunner.services.mailbox.fetching.messages import Messages, Withheld
from jobrunner.services.mailbox.fetching.recognising import unknown

DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class FolderEnd:
    """How far a run came with a folder."""

    has_more: bool = False
    """There is more, and the run was over."""
    trouble: str | None = None


@dataclass(frozen=True, slots=True)
class _Beginning:
    """Where to begin."""

    after: int = 0
    since: datetime | None = None
    is_anew: bool = False
    """It was numbered anew, and what is known is to be recognised."""


async def fetch_folder(desk: Desk, mailbox: Mailbox, name: str, *, marks: bool) -> FolderEnd:
    """Import what is new in a folder, until the run is over.

    Raises:
        MailboxError: the folder cannot be opened, or the connection is over.
        EpochChanged: the account was reset meanwhile.
    """
    opened = await mailbox.open(name, read_only=desk.account.keep_unread)
    await fetch_passed_by(desk, mailbox, opened, marks=marks)
    beginning = await _beginning(desk, opened)
    if beginning.since is None and opened.uid_next is not None and opened.uid_next <= beginning.after + 1:
        return FolderEnd()
    day = None if beginning.since is None else (beginning.since - DAY).date()
    uids = await mailbox.search(after=beginning.after, since=day)
    desk.found += len(uids)
    folder = FolderRef(name, opened.uid_validity)
    messages = Messages(desk, mailbox, folder, marks=marks)
    step = desk.portions.messages
    for start in range(0, len(uids), step):
        if start and desk.is_over():
            return FolderEnd(has_more=True)
        portion = uids[start : start + step]
        details = [one for one in await mailbox.details(portion) if _is_wanted(one, beginning.since)]
        desk.advance(len(portion) - len(details))
        if beginning.is_anew:
            details = await unknown(desk, mailbox, folder, details)
        try:
            await messages.bring(details)
        except Withheld as error:
            return FolderEnd(trouble=f"message {error.uid} in {name} is not handed over by the server: {error.words}")
        if beginning.is_anew:
            await _settle(desk, folder, portion[-1], is_end=False)
    # Whatever lies below UIDNEXT was found by the search, or is not wanted.
    last = max(uids[-1] if uids else 0, beginning.after, (opened.uid_next or 1) - 1)
    await _settle(desk, folder, last, is_end=True)
    return FolderEnd()


async def _settle(desk: Desk, folder: FolderRef, last: int, *, is_end: bool) -> None:
    ref = desk.account.ref
    await desk.fetch("settle_folder", ref.kind, ref.id, folder.name, ref.epoch, folder.uid_validity, last, is_end)


async def _beginning(desk: Desk, opened: OpenFolder) -> _Beginning:
    account = desk.account
    first = datetime.combine(account.fetch_since, time(), UTC)
    rows = await desk.fetch("read_checkpoint", account.ref.kind, account.ref.id, opened.name, account.ref.epoch)
    if not rows:
        return _Beginning(since=first)
    row = rows[0]
    if row["uid_validity"] == opened.uid_validity:
        return _Beginning(after=row["last_uid"], is_anew=row["is_anew"])
    latest = row["last_internaldate"]
    since = first if latest is None else max(first, latest - DAY)
    desk.log.warning(
        "the server has numbered the messages of %s anew (UIDVALIDITY %d, was %d): it is read again from %s on; what "
        "is known is recognised",
        opened.name, opened.uid_validity, row["uid_validity"], since.date(),
    )  # fmt: skip
    return _Beginning(since=since, is_anew=True)


def _is_wanted(one: Details, since: datetime | None) -> bool:
    """SINCE goes by days of the server's zone, and some servers answer badly: we look ourselves."""
    return since is None or one.received is None or one.received >= since

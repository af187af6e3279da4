"""Another attempt at what an earlier run had to leave behind."""

from typing import Any

from jobrunner.db.sql import load
from jobrunner.errors import NotFound
from jobrunner.services.mail.imap import Mailbox, OpenFolder
from jobrunner.services.mail.importing.storing import FolderRef, read_again
from jobrunner.services.mail.importing.storing.rows import TROUBLE_LIMIT
from jobrunner.services.mailbox.fetching.desk import Desk
from jobrunner.services.mailbox.fetching.messages import Messages
from jobrunner.services.mailbox.fetching.waking import wake_fetch

AT_ONCE = 20
"""Messages, or mails, that one run tries again."""

ASK_AGAIN = load(__package__, "ask_again")


async def fetch_passed_by(desk: Desk, mailbox: Mailbox, opened: OpenFolder, *, marks: bool) -> None:
    """Ask once more for messages that the server would not hand over and that were passed by.

    Raises:
        MailboxError: the connection is over.
    """
    ref = desk.account.ref
    place = (ref.kind, ref.id, opened.name, opened.uid_validity)
    uids = [row["uid"] for row in await desk.fetch("list_passed_by", *place, AT_ONCE)]
    if not uids:
        return
    details = await mailbox.details(uids)
    gone = sorted(set(uids) - {one.uid for one in details})
    if gone:
        desk.log.warning("messages that could not be fetched from %s are gone from the server: %s", opened.name, gone)
        await desk.fetch("forget_gone", *place, gone)
    desk.found += len(details)
    await Messages(desk, mailbox, FolderRef(opened.name, opened.uid_validity), marks=marks, late=True).bring(details)


async def read_not_stored(desk: Desk) -> None:
    """Read mails again that the database did not take, from the sources that are kept."""
    ref = desk.account.ref
    for row in await desk.fetch("list_not_stored", ref.kind, ref.id, AT_ONCE):
        id = row["email_id"]
        async with desk.connect() as connection:
            try:
                trouble = (await read_again(connection, desk.reader, [id]))[id]
            except NotFound:
                continue  # somebody else has just done it
        if trouble is None:
            desk.log.info("the mail %d, which could not be stored before, is there now", id)
        else:
            desk.log.warning("the mail %d: %s", id, trouble)
            await desk.fetch("put_off", row["id"], trouble[:TROUBLE_LIMIT])


async def ask_again(connection: Any) -> int:
    """Have all messages fetched now that could not be fetched before; return how many. `connection` is asyncpg's."""
    rows = await connection.fetch(ASK_AGAIN)
    for kind, id in sorted({(row["kind"], row["account_id"]) for row in rows}):
        await wake_fetch(connection, kind, id)
    return len(rows)

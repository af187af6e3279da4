"""A mail as it came: from the file that is kept where it could not be read, else from the server."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from pathlib import Path

from jobrunner.db.queryable import Queryable
from jobrunner.db.secrets import Keyring
from jobrunner.db.sql import load
from jobrunner.errors import Conflict, JobrunnerError, NotFound
from jobrunner.services.mail.imap import MailboxError, connect
from jobrunner.services.mail.importing.staging import place_of
from jobrunner.services.mailbox.accounts.loading import LOAD_ACCOUNTS, FetchAccount, account_of

FIND_COPIES = load(__package__, "find_copies")
MOST = 1024 * 1024 * 1024
"""Octets of a message that are fetched."""
PIECE = 1024 * 1024


async def read_source(connection: Queryable, keyring: Keyring, root: Path, id: int) -> AsyncGenerator[bytes, None]:
    """Yield the message of a mail as it came, piece by piece. `root` is the folder of files.

    Raises:
        NotFound: there is no such mail.
        Conflict: it is not kept, and no account has it any more; says why.
    """
    rows = await connection.fetch(FIND_COPIES, id)
    if not rows:
        raise NotFound(f"there is no mail {id}: `jobrunner emails list` shows them")
    if rows[0]["source_sha256"] is not None:
        place = place_of(root, rows[0]["source_sha256"])
        try:
            file = place.open("rb")
        except OSError as error:
            raise Conflict(
                f"the source of the mail {id} cannot be read ({error.strerror}): it is in the folder of files of the "
                "daemon that imported it"
            ) from None
        with file:
            while piece := file.read(PIECE):
                yield piece
        return
    trouble = "no account is left by which it came"
    for row in rows:
        found = await connection.fetch(LOAD_ACCOUNTS, row["kind"], [row["account_id"]]) if row["kind"] else []
        if not found or found[0]["host"] is None or found[0]["username"] is None:
            continue
        account = account_of(found[0], keyring)
        begun = False
        try:
            async with aclosing(_fetch(account, row["folder"], row["uid_validity"], row["uid"])) as pieces:
                async for piece in pieces:
                    begun = True
                    yield piece
            return
        except (MailboxError, _Gone) as error:
            if begun:
                raise
            trouble = str(error)
    raise Conflict(f"the source of the mail {id} is not kept here, and cannot be had from the server: {trouble}")


class _Gone(JobrunnerError):
    """The server has it no more."""


async def _fetch(account: FetchAccount, folder: str, uid_validity: int, uid: int) -> AsyncGenerator[bytes, None]:
    mailbox = await connect(account.imap)
    try:
        opened = await mailbox.open(folder, read_only=True)
        if opened.uid_validity != uid_validity:
            raise _Gone(f"{account.imap.place} has numbered the folder {folder!r} anew since it was imported")
        details = await mailbox.details([uid])
        if not details:
            raise _Gone(f"it is no longer in the folder {folder!r} of {account.imap.place}")
        async with aclosing(mailbox.windows(uid, details[0].size, at_most=MOST)) as windows:
            async for window in windows:
                yield window
    finally:
        await mailbox.logout()

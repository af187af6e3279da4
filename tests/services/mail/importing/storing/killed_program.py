"""Imports the messages that a test made, from the checkpoint on, a batch at a time; to be killed meanwhile."""

import asyncio
import sys
from pathlib import Path

import asyncpg

from jobrunner.services.mail.importing.reader import MailReader
from jobrunner.services.mail.importing.storing import AccountRef, Fetched, Importer
from tests.services.mail.importing.storing.conftest import INBOX, RECEIVED
from tests.services.mail.importing.storing.killed_letters import NUMBER, letter_number

BATCH = 10


async def main(url: str, root: Path, account: AccountRef) -> None:
    """Import until all are there; prints a line for each batch that is committed."""
    connection = await asyncpg.connect(url)
    importer = Importer(root)
    async with MailReader(root, count=1) as reader:
        last = await connection.fetchval("SELECT max(last_uid) FROM jobrunner.mail_folder_state") or 0
        while last < NUMBER:
            uids = range(last + 1, min(last + BATCH, NUMBER) + 1)
            mails = await reader.parse([letter_number(uid) for uid in uids])
            messages = [Fetched(uid, RECEIVED, mail) for uid, mail in zip(uids, mails, strict=True)]
            await importer.import_batch(connection, account, INBOX, messages)
            last = uids[-1]
            print(last, flush=True)
    await connection.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], Path(sys.argv[2]), AccountRef("Personal", int(sys.argv[3]), 0)))

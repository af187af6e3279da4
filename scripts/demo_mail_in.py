"""The demo of mail in: a personal and a group account at a private Dovecot, and letters that come in while it looks."""

import asyncio
import time
from collections.abc import Callable
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from demo_accounts import ADA, HELP, KINDS, lead_accounts, lock_of, rest
from demo_dovecot import Dovecot
from demo_letters import drawings, question, second_thought
from demo_mailbox import Mailbox, say

from jobrunner.config import Configuration
from jobrunner.db.connection import Connection
from jobrunner.db.secrets import Keyring
from jobrunner.errors import ConfigurationError
from jobrunner.services.mailbox.emails.rows import read_email

WATCHED_LIMIT = 45.0
"""Seconds after which letters are put into the mailboxes, whether or not anybody waits for them."""
ARRIVAL_LIMIT = 90.0
"""More than a minute: the schedule's net."""
FOLLOW_UP_LIMIT = 10.0
PAUSE = 0.02

WATCHED = """
SELECT count(*) AS watched
FROM jobrunner.mail_watch AS w
JOIN jobrunner.mail_account_state AS s ON s.account_kind = w.account_kind AND s.account_id = w.account_id
WHERE w.expires_at > now()
    AND s.connected_at >= to_timestamp($1)
"""
FIND_MAIL = "SELECT e.id FROM jobrunner.email AS e WHERE e.message_id = $1"
NEWER = "SELECT e.id FROM jobrunner.email AS e WHERE e.id > $1 AND e.status = 'Archived' ORDER BY e.id"
NEWEST = "SELECT coalesce(max(e.id), 0) AS id FROM jobrunner.email AS e"
NAMES = """
SELECT u.name
FROM jobrunner.app_user AS u
WHERE u.id = ANY($1::text[])
ORDER BY u.name
"""
IN_THREAD = """
SELECT count(*) AS mails
FROM jobrunner.email AS e
WHERE e.thread_id = $1
    AND e.id <= $2
"""
FIND_CASE = """
SELECT c.number, c.status::text AS status, coalesce(u.name, 'nobody') AS assignee
FROM jobrunner.case_record AS c
LEFT JOIN jobrunner.app_user AS u ON u.id = c.assigned_user_id
WHERE c.email_id = $1
"""


class MailIn:
    """What one start of the demo shows of mail in."""

    def __init__(self, dsn: str, data_dir: Path, mailbox: Mailbox, jobrunner: str) -> None:
        self._dsn = dsn
        self._data_dir = data_dir
        self._mailbox = mailbox
        self._jobrunner = jobrunner
        self._dovecot: Dovecot | None = None
        self._lock = lock_of(data_dir)
        self._began = time.time()

    @property
    def dovecot(self) -> Dovecot:
        """The server, which has been started."""
        assert self._dovecot is not None
        return self._dovecot

    async def start(self, configuration: Configuration) -> None:
        """Start Dovecot and write the sample data unless they are there; the accounts lead to this start's Dovecot."""
        if not self._lock.try_exclusive():
            raise ConfigurationError(
                f"another scripts/demo --mail runs on {self._data_dir}: stop it first, or give this one --data-dir"
            )
        say("Dovecot starts, an IMAP server of its own ...")
        self._dovecot = await Dovecot.start(self._data_dir)
        connection = Connection(self._dsn, "demo mail")
        try:
            await lead_accounts(connection, Keyring.from_configuration(configuration), self._dovecot)
            many = (await connection.fetch("SELECT count(*) AS many FROM jobrunner.email"))[0]["many"]
        finally:
            await connection.close()
        say(f"It listens on 127.0.0.1, port {self.dovecot.port}. Two accounts are read there:")
        say("  email-account ada:   of Ada Lovelace, ada@example.com")
        say("  inbound-email help:  of the team Support, help@example.com; its mail opens cases, and is answered")
        if many:
            say(f"From former times {many} mails are here.")

    async def stop(self) -> None:
        """Stop Dovecot. The accounts rest until the next start: nobody listens there any more."""
        if self._dovecot is not None:
            connection = Connection(self._dsn, "demo mail")
            try:
                await rest(connection)
            finally:
                await connection.close()
                await self._dovecot.stop()
        self._lock.release()

    async def run(self) -> None:
        """Put letters into the mailboxes, tell what became of each, then tell of all that comes."""
        connection = Connection(self._dsn, "demo mail")
        try:
            await self._until_watched(connection)
            first = drawings("ada@example.com")
            await self._show(connection, ADA, first, "Charles writes to Ada, with a file")
            await self._show(connection, ADA, second_thought(first), "Charles writes again, in answer to his own mail")
            id = await self._show(connection, HELP, question("help@example.com"), "A customer writes to the group")
            if id is not None:
                await self._show_follow_up(connection, id)
            self._say_what_to_try()
            await self._follow(connection)
        finally:
            await connection.close()

    async def _until_watched(self, connection: Connection) -> None:
        async def watched() -> bool:
            return bool((await connection.fetch(WATCHED, self._began))[0]["watched"] == len(KINDS))

        if await _until(watched, WATCHED_LIMIT):
            say("--- Both mailboxes are watched: the server tells of a new mail by itself (IMAP IDLE).")
        else:
            say("--- The mailboxes are not watched yet; the schedule looks every minute.")

    async def _show(self, connection: Connection, user: str, message: EmailMessage, title: str) -> int | None:
        """Put a letter into a mailbox and tell what became of it; return the id of the mail."""
        say()
        say(f"--- {title}.")
        await self.dovecot.deliver(user, message.as_bytes())
        began = time.monotonic()
        found: list[int] = []

        async def is_there() -> bool:
            found.extend(row["id"] for row in await connection.fetch(FIND_MAIL, message["Message-ID"]))
            return bool(found)

        if not await _until(is_there, ARRIVAL_LIMIT):
            say(f"--- It has not come in within {ARRIVAL_LIMIT:g} seconds; the log above may say why.")
            return None
        after = time.monotonic() - began
        await self._tell(connection, found[0], f"It is mail {found[0]}, {after:.1f} s after the server got it")
        return found[0]

    async def _tell(self, connection: Connection, id: int, title: str) -> None:
        mail = await read_email(connection, id)
        names = ", ".join(row["name"] for row in await connection.fetch(NAMES, mail["users"]))
        in_thread = (await connection.fetch(IN_THREAD, mail["thread_id"], id))[0]["mails"]
        say(f"=== {title} ".ljust(78, "="))
        say(f"  From: {mail['sender']}")
        say(f"  To: {', '.join(mail['recipients'])}")
        say(f"  Subject: {mail['subject']}")
        say()
        for line in mail["body_plain"].strip().splitlines()[:20]:
            say(f"  {line}".rstrip())
        say()
        for file in mail["attachments"]:
            say(f"  File: {file}")
        if in_thread > 1:
            say(f"  Thread: it is the mail number {in_thread} of the thread of mail {mail['thread_id']}")
        if mail["parent_type"] is not None:
            say(f"  About: {mail['parent_type']} {mail['parent_id']}")
        say(f"  Who has it: {names or 'nobody'}")
        say("=" * 78)

    async def _show_follow_up(self, connection: Connection, id: int) -> None:
        found: list[Any] = []

        async def is_there() -> bool:
            found.extend(await connection.fetch(FIND_CASE, id))
            return bool(found)

        received = self._mailbox.received
        if await _until(is_there, FOLLOW_UP_LIMIT):
            case = found[0]
            say(f"--- It has opened the case {case['number']}, {case['status']}, which {case['assignee']} has got.")

            async def answered() -> bool:
                return self._mailbox.received > received

            await _until(answered, FOLLOW_UP_LIMIT)

    async def _follow(self, connection: Connection) -> None:
        last = (await connection.fetch(NEWEST))[0]["id"]
        while True:
            for row in await connection.fetch(NEWER, last):
                last = row["id"]
                await self._tell(connection, last, f"Mail {last} has come in")
            await asyncio.sleep(0.2)

    def _say_what_to_try(self) -> None:
        say()
        say("--- Try it. In another terminal, here:")
        say(f"      {self._jobrunner} emails list")
        say(f"      {self._jobrunner} email-account test ada")
        say("    and to put a mail into Ada's mailbox:")
        say(
            f'      python3 -c \'import imaplib; m = imaplib.IMAP4("127.0.0.1", {self.dovecot.port});'
            f' m.login("ada", "{self.dovecot.password}");'
            ' m.append("INBOX", "", "", b"From: you@example.org\\r\\nSubject: Hello\\r\\n\\r\\nHello, Ada!\\r\\n")\''
        )
        say()


async def _until(is_so: Callable[[], Any], limit: float) -> bool:
    try:
        async with asyncio.timeout(limit):
            while not await is_so():  # noqa: ASYNC110  the database tells nobody of it
                await asyncio.sleep(PAUSE)
    except TimeoutError:
        return False
    return True

"""Answers in the database: taken, settled."""

import json
from dataclasses import astuple, dataclass
from datetime import datetime, timedelta
from typing import Any

from jobrunner.db.queryable import Connect
from jobrunner.db.sql import load
from jobrunner.services.mail.accounts import keep_copy
from jobrunner.services.mail.settling import Settlement

PAST_LIMIT = timedelta(hours=24)
"""How long after its mail came in an answer is still tried."""
REASON_LIMIT = 1000
"""Characters of a reason."""
PORTION = 200
"""The most that one run sends."""


@dataclass(frozen=True, slots=True)
class DueAnswer:
    """One answer that was taken to be sent, with all that it says."""

    email_id: int
    token: int
    attempt_count: int
    doubt_count: int
    recipient: str
    former_message_id: str | None
    """That of an earlier attempt: it is used again."""
    now: datetime
    """The database's clock."""
    email: dict[str, Any]
    """The mail that is answered."""
    case: dict[str, Any] | None
    """The case that it opened."""
    person: dict[str, Any] | None
    """Who has written, where they are known; with `type`."""
    user: dict[str, Any] | None
    """To whom the case is assigned."""

    @property
    def label(self) -> str:
        """How a log line names it."""
        return f"answer to mail {self.email_id}"


@dataclass(frozen=True, slots=True)
class SentAnswer:
    """An answer as a mail of ours, in the order of the statement that stores it."""

    message_id: str
    subject: str
    text: str
    html: str | None
    digest: str
    sender: str
    sender_key: str
    sender_string: str
    recipient: str
    recipient_key: str
    references: list[str]


class Answers:
    """The statements that a run for one account needs, each in a transaction of its own."""

    def __init__(self, connect: Connect, account_id: int, job_id: int | None = None) -> None:
        """`job_id` is the job on whose behalf rows are taken: its claim is their lease."""
        self._connect = connect
        self._account_id = account_id
        self._job_id = job_id

    async def release_lost(self) -> int:
        """Free the rows whose sender is lost; each is in doubt. Returns how many."""
        return len(await self._fetch("release_lost_answers", self._account_id))

    async def expire(self) -> int:
        """Finish the rows for which it is too late; returns how many."""
        return len(await self._fetch("expire_answers", self._account_id, PAST_LIMIT))

    async def count_due(self) -> int:
        """Return how many are due, up to a portion."""
        (row,) = await self._fetch("count_due_answers", self._account_id, PORTION)
        due: int = row["due"]
        return due

    async def take(self, token: int, limit: timedelta) -> DueAnswer | None:
        """Take the oldest due row, for at most `limit`; None where none is due."""
        rows = await self._fetch("take_answer", self._account_id, token, self._job_id, limit)
        if not rows:
            return None
        row = dict(rows[0])
        for name in ("email", "case", "person", "user"):
            row[name] = None if row[name] is None else json.loads(row[name])
        return DueAnswer(token=token, **row)

    async def name(self, answer: DueAnswer, message_id: str) -> bool:
        """Note the Message-ID before the mail server hears of it; false where the row is not ours any more."""
        return bool(await self._fetch("name_answer", answer.email_id, self._account_id, answer.token, message_id))

    async def settle(self, answer: DueAnswer, settlement: Settlement, sent: SentAnswer | None) -> str | None:
        """Store what became of a taken row; return its state, or None where it is not ours any more.

        What was taken by the mail server is stored as a mail, whoever has the row by now.
        """
        async with self._connect() as connection, connection.transaction():
            rows: list[Any] = await connection.fetch(
                load(__package__, "settle_answer"),
                answer.email_id,
                self._account_id,
                answer.token,
                settlement.state,
                settlement.reason and settlement.reason[:REASON_LIMIT],
                settlement.delay,
                settlement.counts,
                settlement.in_doubt,
                PAST_LIMIT,
            )
            if sent is not None and settlement.state == "Sent":
                await connection.fetch(load(__package__, "store_answer"), answer.email_id, *astuple(sent))
                if settlement.copy is not None:
                    await keep_copy(connection, settlement.copy)
        return rows[0]["state"] if rows else None

    async def drop(self, reason: str) -> int:
        """Give up what is due, since it is not to be sent any more; returns how many."""
        return len(await self._fetch("drop_answers", self._account_id, reason))

    async def hold(self, reason: str) -> None:
        """Note on what is due why it waits."""
        await self._fetch("hold_answers", self._account_id, reason[:REASON_LIMIT])

    async def wake(self, after: timedelta = timedelta()) -> None:
        """Queue a job for now, or for later."""
        await self._fetch("wake_auto_replies", self._account_id, after)

    async def _fetch(self, statement: str, *arguments: Any) -> list[Any]:
        async with self._connect() as connection:
            rows: list[Any] = await connection.fetch(load(__package__, statement), *arguments)
            return rows

"""One run: makes the popups that are due visible, and ends those for which it is too late."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import asyncpg

from jobrunner.db.connection import REPEATABLE, TRANSIENT
from jobrunner.db.queryable import WAIT_BRIEFLY, Connect
from jobrunner.db.sql import load
from jobrunner.services.popups.settings import load_popup_settings
from jobrunner.services.records import plan

SUBMIT_POPUPS = load(__package__, "submit_popups")
EXPIRE_POPUPS = load(__package__, "expire_popups")
WAKE_IF_DUE = load(__package__, "wake_if_due")

PORTION = 500
"""Rows that one statement changes."""
MOST_PORTIONS = 40
"""Of one run; the next one follows at once."""
LOOK_AGAIN = timedelta(seconds=1)
"""After which a row that somebody held is looked at again."""
OF_ONE_RECORD = (asyncpg.LockNotAvailableError, asyncpg.QueryCanceledError, *REPEATABLE)
"""What passes, but may be the fault of the record that is planned rather than of the server."""


@dataclass
class Report:
    """What a run has done, by number of popups."""

    submitted: int = 0
    skipped: int = 0
    expired: int = 0
    planned: int = 0
    """Records that were moved by an application that did not say so."""
    failed: int = 0
    """Such records that could not be planned anew: their popups wait for a later run."""


class Run:
    """Submits what is due; `submit` is called once."""

    def __init__(
        self, connect: Connect, *, cancelled: Callable[[], bool] = lambda: False, log: logging.Logger | None = None
    ) -> None:
        """`connect` lends an asyncpg connection; each statement is a transaction of its own."""
        self._connect = connect
        self._cancelled = cancelled
        self._log = log or logging.getLogger("jobrunner.popups")
        self._passed: list[int] = []
        """Popups of records that could not be planned: this run leaves them alone."""
        self.report = Report()

    async def submit(self) -> Report:
        """Submit all that is due, the oldest first, and return what was done.

        Raises:
            Exception: the database is away, or short of something; what was done until then stays.
        """
        async with self._connect() as connection:
            past = (await load_popup_settings(connection)).past
        for _ in range(MOST_PORTIONS):
            if self._cancelled() or await self._submit_portion(past) < PORTION:
                break
        for _ in range(MOST_PORTIONS):
            expired = len(await self._fetch(EXPIRE_POPUPS, past, PORTION))
            self.report.expired += expired
            if self._cancelled() or expired < PORTION:
                break
        # Not for those that were passed over: the schedule tries them once a minute.
        await self._fetch(WAKE_IF_DUE, LOOK_AGAIN, self._passed)
        return self.report

    async def _submit_portion(self, past: timedelta) -> int:
        rows = await self._fetch(SUBMIT_POPUPS, past, PORTION, self._passed)
        moved: dict[tuple[Any, str], list[int]] = {}
        for row in rows:
            match row["outcome"]:
                case "Due":
                    self.report.submitted += 1
                case "Moved":
                    moved.setdefault((row["entity_type"], row["entity_id"]), []).append(row["id"])
                case _:
                    self.report.skipped += row["outcome"] == "Skipped"
                    self.report.expired += row["outcome"] == "Expired"
                    label = f"popup {row['id']} ({row['entity_type']} {row['entity_id']}, user {row['user_id']})"
                    self._log.info("%s: not shown: %s", label, row["why"])
        for (entity_type, entity_id), popups in sorted(moved.items()):
            if self._cancelled():
                break
            if not await self._plan(entity_type, entity_id):
                self._passed += popups
        return len(rows)

    async def _plan(self, entity_type: Any, entity_id: str) -> bool:
        """Plan a record anew; false where that failed, which is told and holds up no other."""
        try:
            async with self._connect() as connection, connection.transaction():
                await connection.execute(WAIT_BRIEFLY)
                await plan(connection, entity_type, entity_id)
        except Exception as error:
            if isinstance(error, TRANSIENT) and not isinstance(error, OF_ONE_RECORD):
                raise
            self.report.failed += 1
            reason = " ".join(str(error).split())[:500] or type(error).__name__
            self._log.error("%s %s was moved and its popups could not be planned: %s", entity_type, entity_id, reason)
            return False
        self.report.planned += 1
        return True

    async def _fetch(self, statement: str, *arguments: Any) -> list[Any]:
        async with self._connect() as connection:
            rows: list[Any] = await connection.fetch(statement, *arguments)
            return rows

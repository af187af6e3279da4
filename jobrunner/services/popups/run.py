"""One run: makes the popups that are due visible, and ends those for which it is too late."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from jobrunner.db.queryable import Connect
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


@dataclass
class Report:
    """What a run has done, by number of popups."""

    submitted: int = 0
    skipped: int = 0
    expired: int = 0
    planned: int = 0
    """Whose record was moved by an application that did not say so."""


class Run:
    """Submits what is due; `submit` is called once."""

    def __init__(
        self, connect: Connect, *, cancelled: Callable[[], bool] = lambda: False, log: logging.Logger | None = None
    ) -> None:
        """`connect` lends an asyncpg connection; each statement is a transaction of its own."""
        self._connect = connect
        self._cancelled = cancelled
        self._log = log or logging.getLogger("jobrunner.popups")
        self.report = Report()

    async def submit(self) -> Report:
        """Submit all that is due, the oldest first, and return what was done."""
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
        await self._fetch(WAKE_IF_DUE, LOOK_AGAIN)
        return self.report

    async def _submit_portion(self, past: timedelta) -> int:
        rows = await self._fetch(SUBMIT_POPUPS, past, PORTION)
        moved: set[tuple[Any, str]] = set()
        for row in rows:
            match row["outcome"]:
                case "Due":
                    self.report.submitted += 1
                case "Moved":
                    moved.add((row["entity_type"], row["entity_id"]))
                case _:
                    self.report.skipped += row["outcome"] == "Skipped"
                    self.report.expired += row["outcome"] == "Expired"
                    label = f"popup {row['id']} ({row['entity_type']} {row['entity_id']}, user {row['user_id']})"
                    self._log.info("%s: not shown: %s", label, row["why"])
        for entity_type, entity_id in sorted(moved):
            async with self._connect() as connection:
                await plan(connection, entity_type, entity_id)
            self.report.planned += 1
        return len(rows)

    async def _fetch(self, statement: str, *arguments: Any) -> list[Any]:
        async with self._connect() as connection:
            rows: list[Any] = await connection.fetch(statement, *arguments)
            return rows

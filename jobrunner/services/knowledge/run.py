"""One run: archives what has expired, publishes what has its day, and queues the next run."""

import logging
from collections.abc import Callable
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from typing import Any

from jobrunner.db.queryable import Connect
from jobrunner.db.sql import load
from jobrunner.services.knowledge.settings import load_knowledge_settings

ARCHIVE_ARTICLES = load(__package__, "archive_articles")
PUBLISH_ARTICLES = load(__package__, "publish_articles")
READ_TODAY = load(__package__, "read_today")
WAKE_IF_DUE = load(__package__, "wake_if_due")
WAKE_NEXT = load(__package__, "wake_next")

PORTION = 500
"""Articles that one transaction changes."""
LOOK_AGAIN = timedelta(seconds=10)
"""An article that somebody held is looked at again after as long, or twice as long."""


@dataclass
class Report:
    """What a run has done, by number of articles."""

    published: int = 0
    archived: int = 0

    def as_dict(self) -> dict[str, int]:
        """Return it as the job's result."""
        return asdict(self)


class Run:
    """Gives articles the status that they are to have today; `control` is called once."""

    def __init__(
        self,
        connect: Connect,
        *,
        cancelled: Callable[[], bool] = lambda: False,
        log: logging.Logger | None = None,
        portion: int = PORTION,
    ) -> None:
        """Prepare a run; `connect` lends an asyncpg connection for one portion at a time."""
        self.report = Report()
        self._connect = connect
        self._cancelled = cancelled
        self._log = log or logging.getLogger("jobrunner.knowledge")
        self._portion = portion

    async def control(self) -> Report:
        """Archive, publish, and return what was done."""
        async with self._connect() as connection:
            settings = await load_knowledge_settings(connection)
            row = await connection.fetchrow(READ_TODAY)
        today: date = row["today"]
        shown = 1 if settings.kb_expire_on == "end_of_day" else 0
        over = today - timedelta(days=shown)
        active, source = list(settings.kb_active_statuses), list(settings.kb_publish_from)
        # First: what has its day and has expired meanwhile is never published, not for a moment.
        self.report.archived = await self._change(ARCHIVE_ARTICLES, "archived", today, over, active, source)
        self.report.published = await self._change(PUBLISH_ARTICLES, "published", today, over, source)
        async with self._connect() as connection:
            await connection.fetch(WAKE_NEXT, today, active, source, shown)
            if not self._cancelled():
                await connection.fetch(WAKE_IF_DUE, today, over, active, source, LOOK_AGAIN)
        self._log.info(
            "%s in %s: %d published, %d archived", today, row["zone"], self.report.published, self.report.archived
        )
        return self.report

    async def _change(self, statement: str, done: str, *arguments: Any) -> int:
        changed = 0
        while not self._cancelled():
            async with self._connect() as connection, connection.transaction():
                rows = await connection.fetch(statement, *arguments, self._portion)
            for row in rows:
                self._log.info("%s %r: %s (was %s)", row["id"], row["name"], done, row["old_status"])
                published, expires = row["publish_date"], row["expiration_date"]
                if published is not None and expires is not None and expires <= published:
                    self._log.warning("%s expires on %s, not after it is published (%s)", row["id"], expires, published)
            changed += len(rows)
            if len(rows) < self._portion:
                break
        return changed

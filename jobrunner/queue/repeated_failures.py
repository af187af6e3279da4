"""Scheduled jobs that fail again and again: one failure is information, several in a row concern somebody."""

from typing import Any

from jobrunner.db.queryable import Queryable
from jobrunner.db.sql import load
from jobrunner.queue.wording import moment, printable

LIST_FAILING_SCHEDULES = load(__package__, "list_failing_schedules")

IN_A_ROW = 3
"""Firings of which nothing but failures came."""
LOOKED_AT = 200
"""The last of each one's jobs that are looked at; of one with more at its firings, one job of each of these."""


async def list_repeated_failures(connection: Queryable, most: int) -> list[str]:
    """Return a sentence for each Active scheduled job whose last firings all failed, up to `most`."""
    return [_sentence(row) for row in await connection.fetch(LIST_FAILING_SCHEDULES, IN_A_ROW, most, LOOKED_AT)]


def _sentence(row: Any) -> str:
    times = f"{'at least ' if row['is_more'] else ''}{row['firings']:,} times in a row since {moment(row['since'])}"
    why = printable(row["reason"]) or "no error is known"
    return (
        f"the scheduled job {row['name']!r} has failed {times}, the last time with: {why}; "
        f"`jobrunner jobs show {row['last_job']}` shows more"
    )

"""Retention: makes the days' tables ahead and drops those whose time is over."""

import logging
from collections.abc import Callable
from datetime import timedelta

import asyncpg

from jobrunner.db.clock import database_time
from jobrunner.db.connection import Connection
from jobrunner.db.loop import DatabaseLoop
from jobrunner.db.sql import load
from jobrunner.queue.settings import Settings

DAYS_AHEAD = 7
CREATE_PARTITIONS = "SELECT jobrunner.create_partitions($1)"
DROP_DAY = "SELECT jobrunner.drop_day($1, $2)"
DELETE_ATTEMPTS = load(__package__, "delete_attempts")

log = logging.getLogger("jobrunner.retention")


class Retention(DatabaseLoop):
    """Once an hour. Each table is dropped in a transaction of its own that holds up the ends of jobs for a tenth of
    a second at most; one that somebody uses at that moment, in a report or a backup, stays until the next pass."""

    def __init__(self, connection: Connection, settings: Callable[[], Settings]) -> None:
        super().__init__("retention", interval=3600)
        self._connection = connection
        self._settings = settings

    async def once(self) -> None:
        """Make what is missing ahead, drop what is over."""
        await self._connection.fetch(CREATE_PARTITIONS, DAYS_AHEAD)
        settings = self._settings()
        now = await database_time(self._connection)
        for parent, days in (
            ("job_history_done", settings.cleanup_job_period),
            ("job_history_failed", settings.cleanup_failed_job_period),
            ("job_log", settings.cleanup_job_log_period),
        ):
            before = now - timedelta(days=days)
            try:
                while await self._connection.fetchval(DROP_DAY, parent, before) is not None:
                    pass
            except asyncpg.LockNotAvailableError:
                log.info("%s is in use: what of it is over stays until the next pass", parent)
        before = now - timedelta(days=max(settings.cleanup_job_period, settings.cleanup_failed_job_period))
        while await self._connection.fetchval(DELETE_ATTEMPTS, before, 1000):
            pass

"""The sweep: takes back what daemons lost, mends groups, forgets daemons that are gone. Any daemon does it for all."""

import logging
import time
from collections.abc import Callable

from jobrunner.db.connection import Connection
from jobrunner.db.loop import DatabaseLoop
from jobrunner.db.sql import load
from jobrunner.queue.finish import advance_groups

SWEEP_CLAIMS = load(__package__, "sweep_claims")
FORGET_DAEMONS = load(__package__, "forget_daemons")
WAKE = "SELECT jobrunner.wake($1)"
REPAIR_GROUPS = "SELECT jobrunner.repair_groups()"

log = logging.getLogger("jobrunner.sweep")


class Sweep(DatabaseLoop):
    """Every few seconds: jobs of claims whose lease ran out go back to Pending, or fail when no attempt is left."""

    def __init__(
        self,
        connection: Connection,
        *,
        interval: float,
        patience: float = 0.0,
        on_returned: Callable[[], None] | None = None,
    ) -> None:
        """`interval` in seconds; `on_returned` is called when jobs became ready again.

        After the database was away, nothing is taken back for `patience` seconds: every lease has run out meanwhile,
        and whoever is alive must have had the time to renew its own.
        """
        super().__init__("sweep", interval=interval)
        self._connection = connection
        self._patience = patience
        self._patient_until = 0.0
        self._on_returned = on_returned

    async def once(self) -> None:
        """Sweep once."""
        if self.failures_in_a_row:
            await self._connection.fetch("SELECT 1")
            self._patient_until = time.monotonic() + self._patience
        if time.monotonic() < self._patient_until:
            return
        swept = await self._connection.fetch(SWEEP_CLAIMS)
        for row in swept:
            ending = "it failed, no attempt is left" if row["failed"] else "it runs again"
            log.warning("job %s (%s): its daemon's lease ran out, %s", row["id"], row["name"], ending)
        groups = sorted({row["group_name"] for row in swept if row["failed"] and row["group_name"]})
        if groups:
            await advance_groups(self._connection, groups)
        await self._connection.fetch(REPAIR_GROUPS)
        for row in await self._connection.fetch(FORGET_DAEMONS):
            log.warning("daemon %s is gone: nothing was heard of it within its lease", row["name"])
        for queue in sorted({row["queue"] for row in swept if not row["failed"]}):
            await self._connection.fetch(WAKE, queue)
        if swept and self._on_returned is not None:
            self._on_returned()

"""jobrunner: a whole mailbox becomes mails, by a daemon that has just started, in a database that is empty."""

import asyncio
import time

from jobrunner.services.mail.importing.storing import FileAudit, audit_files
from scripts.benchmarks.receiving.daemon import Daemon, running
from scripts.benchmarks.receiving.memory import Peaks
from scripts.benchmarks.receiving.names import OURS
from scripts.benchmarks.receiving.system import Fetcher, Got
from scripts.benchmarks.server import Server

TEMPLATE = "inbox"
LOOK = 0.05
LIMIT = 900.0
LAST_UID = "SELECT coalesce(max(f.last_uid), 0) FROM jobrunner.mail_folder_state AS f"
COUNTS = """
SELECT
    (SELECT count(*) FROM jobrunner.email AS e WHERE e.trouble IS NULL) AS mails,
    (SELECT count(*) FROM jobrunner.email_copy) AS copies,
    (SELECT count(*) FROM jobrunner.mail_fetch_failure) AS failures
"""


class ImportRun(Fetcher):
    """The whole job CheckEmailAccounts, from the commit that places it until the last message is committed."""

    name = OURS

    def __init__(self, server: Server, port: int) -> None:
        self.peaks: list[Peaks] = []
        """Of each turn."""
        self.cluster_cpu: list[float] = []
        """Seconds of CPU of PostgreSQL in each turn, where they can be seen."""
        self._server = server
        self._port = port

    async def fetch(self, user: str, count: int) -> Got:
        """Fetch, with a daemon of its own."""
        url = await self._server.create_database(f"turn_{len(self.peaks)}", like=TEMPLATE)
        async with running(url) as daemon:
            account = await daemon.add_account(user, self._port, idle=False)
            await daemon.start()
            peaks = Peaks(daemon.pid)
            used, cluster = daemon.cpu(), self._server.cpu()
            began = time.perf_counter()
            await daemon.wake(account)
            while await daemon.connection.fetchval(LAST_UID) < count:
                daemon.check()
                peaks.look()
                if time.perf_counter() - began > LIMIT:
                    raise RuntimeError(f"after {LIMIT:.0f} s the mailbox is not imported:\n{daemon.log}")
                await asyncio.sleep(LOOK)
            seconds = time.perf_counter() - began
            peaks.look()
            got = Got(seconds, daemon.cpu() - used, count)
            if cluster is not None and (after := self._server.cpu()) is not None:
                self.cluster_cpu.append(after - cluster)
            self.peaks.append(peaks)
            await self._check(daemon, count)
            return got

    async def _check(self, daemon: Daemon, count: int) -> None:
        """See that all is there, once, and no file without row or row without file."""
        row = await daemon.connection.fetchrow(COUNTS)
        audit = await audit_files(daemon.connection, daemon.files)
        if tuple(row) != (count, count, 0) or audit != FileAudit((), ()):
            raise RuntimeError(f"of {count} messages came {dict(row)}, {audit}:\n{daemon.log}")

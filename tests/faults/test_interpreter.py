"""A job that holds the interpreter: not even the heartbeat's thread runs, so its daemon is as if frozen."""

import asyncio
import json
from typing import Any

from tests.faults.test_kill import CREATE_RUN
from tests.support.daemons import DaemonProcess, ended, until

IMPORTS = "tests.faults.interpreter_jobs"
LEASE = 1.0


async def test_who_holds_the_interpreter_past_the_lease_is_fenced(database_url: str, connection: Any) -> None:
    """F36, the other half: the job runs again elsewhere; what the first one leaves hits no row. Said afterwards."""
    await connection.execute(CREATE_RUN)
    quick = {"lease": LEASE, "heartbeat_interval": 0.3}
    both = [DaemonProcess(database_url, imports=IMPORTS, name=name, **quick) for name in ("one", "two")]
    try:
        for daemon in both:
            await daemon.ready()
        job = await connection.fetchval("SELECT jobrunner.enqueue('HoldsInterpreter', '{\"seconds\": 5}')")
        holder = await until(connection, "SELECT pid FROM public.run WHERE attempt = 1")
        one, two = both if both[0].process.pid == holder else reversed(both)
        (row,) = await ended(connection, job, limit=30)
        assert (row["status"], row["attempt"], row["daemon"]) == ("Success", 2, two.name)
        # The first one comes back to itself, and goes on.
        line = await asyncio.to_thread(one.wait_for, "its claim was gone", 60)
        assert f"job {job} " in line
        # Which thread gets the interpreter first is a matter of chance: the one that can name job and line, or not.
        # Where the renewal gets it first, what is said is that the leases could not be renewed.
        said = ("has been blocking the event loop", "this process stood still for", "the leases could not be renewed")
        assert any(words in one.log for words in said)
        after = await connection.fetchrow("SELECT * FROM jobrunner.job_history WHERE id = $1", job)
        assert after == row
        assert json.loads(after["result"]) == "attempt 2"
        assert await connection.fetchval("SELECT count(*) FROM public.run") == 2
        assert await connection.fetchval("SELECT outcome::text FROM jobrunner.attempt") == "Lost"
    finally:
        codes = [daemon.stop(60) for daemon in both]
    assert codes == [0, 0]

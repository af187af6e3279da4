"""Daemons that are killed or frozen: no job is lost, no finished one runs again, nothing stays Running."""

import asyncio
import os
import random
import signal
from collections import Counter
from typing import Any

from tests.support.daemons import DaemonProcess, until

LONG = os.environ.get("JOBRUNNER_LONG") == "1"
JOBS = 10_000 if LONG else 1_500
KILLS = 10 if LONG else 4
IMPORTS = "tests.faults.jobs"
CREATE_RUN = "CREATE TABLE public.run (job_id bigint, attempt integer, pid integer, at timestamptz DEFAULT now())"


async def account(connection: Any, jobs: int) -> None:
    """Every job Success, none Running, one stored finish each, runs at most 1 + leases lost + fenced finishes."""
    rows = await connection.fetch("SELECT id, status, attempt FROM jobrunner.job_history")
    assert Counter(row["status"] for row in rows) == {"Success": jobs}
    assert len({row["id"] for row in rows}) == jobs, "exactly one stored finish per job"
    assert await connection.fetchval("SELECT count(*) FROM jobrunner.job") == 0
    lost = Counter(
        {
            row["job_id"]: row["lost"]
            for row in await connection.fetch(
                "SELECT job_id, count(*) AS lost FROM jobrunner.attempt WHERE outcome = 'Lost' GROUP BY job_id"
            )
        }
    )
    runs = await connection.fetch("SELECT job_id, count(*) AS runs FROM public.run GROUP BY job_id")
    assert sum(row["runs"] for row in runs) >= jobs
    for row in runs:
        assert row["runs"] <= 1 + lost[row["job_id"]], f"job {row['job_id']} ran more often than its leases were lost"


async def test_two_daemons_are_killed_again_and_again(database_url: str, connection: Any) -> None:
    """F01: kill -9 while jobs run. Also F06: the successor has the same host and name."""
    await connection.execute(CREATE_RUN)
    await connection.execute(
        "INSERT INTO jobrunner.job (name, max_attempts) SELECT 'Counted', 20 FROM generate_series(1, $1)", JOBS
    )
    await connection.execute("INSERT INTO jobrunner.setting (name, value) VALUES ('queue_main_concurrency', '20')")
    daemons = [await DaemonProcess(database_url, imports=IMPORTS, name=name).ready() for name in ("one", "two")]
    chance = random.Random(1)
    try:
        for _ in range(KILLS):
            done = await connection.fetchval("SELECT count(*) FROM jobrunner.job_history")
            step = JOBS // (KILLS + 2)
            await until(connection, "SELECT count(*) >= $1 FROM jobrunner.job_history", min(done + step // 2, JOBS))
            victim = chance.randrange(2)
            daemons[victim].kill()
            daemons[victim] = await DaemonProcess(database_url, imports=IMPORTS, name=daemons[victim].name).ready()
        await until(connection, "SELECT count(*) = $1 FROM jobrunner.job_history", JOBS, limit=120)
        assert await connection.fetchval("SELECT count(*) FROM jobrunner.attempt WHERE outcome = 'Lost'") > 0
        assert await connection.fetchval(
            "SELECT count(*) FROM jobrunner.job_log WHERE message LIKE 'taken back: the lease of attempt%'"
        ), "the job's log says why it was taken back"
        await account(connection, JOBS)
    finally:
        codes = [daemon.stop() for daemon in daemons]
    assert codes == [0, 0]


async def test_a_frozen_daemon_that_wakes_changes_nothing(database_url: str, connection: Any) -> None:
    """F04, F29: SIGSTOP for two leases; the other daemon finishes the jobs; the late one's writes hit no row."""
    await connection.execute(CREATE_RUN)
    first = await DaemonProcess(database_url, imports=IMPORTS, name="first", lease=2).ready()
    second = None
    try:
        jobs = [
            await connection.fetchval("SELECT jobrunner.enqueue('Held', '{\"seconds\": 1}', max_attempts => 20)")
            for _ in range(20)
        ]
        await until(connection, "SELECT count(*) = 20 FROM public.run")
        first.send(signal.SIGSTOP)
        second = await DaemonProcess(database_url, imports=IMPORTS, name="second", lease=2).ready()
        await until(connection, "SELECT count(*) = 20 FROM jobrunner.job_history")
        columns = "SELECT id, daemon, finished_at, attempt FROM jobrunner.job_history"
        before = await connection.fetch(f"{columns} ORDER BY id")
        assert {row["daemon"] for row in before} == {"second"}
        assert {row["attempt"] for row in before} == {2}
        first.send(signal.SIGCONT)
        # It registers anew, and what it held is fenced: its jobs had slept on and ended.
        await asyncio.to_thread(first.wait_for, "registers anew")
        extra = await connection.fetchval("SELECT jobrunner.enqueue('Quick')")
        await until(connection, "SELECT count(*) = 1 FROM jobrunner.job_history WHERE id = $1", extra)
        after = await connection.fetch(f"{columns} WHERE id = ANY($1) ORDER BY id", jobs)
        assert after == before
        assert await connection.fetchval("SELECT count(*) FROM jobrunner.job") == 0
    finally:
        first.send(signal.SIGCONT)
        codes = [daemon.stop() for daemon in (first, second) if daemon is not None]
    assert codes == [0, 0]

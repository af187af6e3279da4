"""Two daemons and 200 schedules that fire every second: never two jobs for one firing, none without a job."""

import os
from datetime import timedelta
from typing import Any

from tests.faults.test_kill import IMPORTS
from tests.support.daemons import DaemonProcess, until

LONG = os.environ.get("JOBRUNNER_LONG") == "1"
SECONDS = 60 if LONG else 8
SCHEDULES = 200


async def test_two_daemons_fire_each_second_once(database_url: str, connection: Any) -> None:
    """F26, F34: every firing has its job, or is named by the run it was folded into."""
    await connection.execute(
        "INSERT INTO jobrunner.scheduled_job (name, job, crontab) "
        "SELECT 'every second ' || n, 'Quick', '* * * * * *' FROM generate_series(1, $1) AS n",
        SCHEDULES,
    )
    daemons = [await DaemonProcess(database_url, imports=IMPORTS, name=name).ready() for name in ("one", "two")]
    try:
        began = await until(
            connection,
            "SELECT min(last_fire_at) FROM jobrunner.scheduled_job HAVING count(*) = count(last_fire_at)",
            limit=60,
        )
        await until(
            connection,
            "SELECT count(*) FILTER (WHERE last_fire_at >= $1) = $2 FROM jobrunner.scheduled_job",
            began + timedelta(seconds=SECONDS),
            SCHEDULES,
            limit=SECONDS + 60,
        )
    finally:
        codes = [daemon.stop() for daemon in daemons]
    assert codes == [0, 0]
    by_schedule: dict[int, list[Any]] = {}
    for job in await connection.fetch(
        "SELECT scheduled_job_id, first_firing, firing, firings FROM jobrunner.jobs "
        "WHERE scheduled_job_id IS NOT NULL ORDER BY firing"
    ):
        by_schedule.setdefault(job["scheduled_job_id"], []).append(job)
    for schedule in await connection.fetch("SELECT id, last_fire_at FROM jobrunner.scheduled_job"):
        jobs = by_schedule[schedule["id"]]
        expected = jobs[0]["first_firing"]
        for job in jobs:
            assert job["first_firing"] == expected, "the next firing after the last one named: none lost, none twice"
            assert job["firings"] == (job["firing"] - job["first_firing"]).total_seconds() + 1
            expected = job["firing"] + timedelta(seconds=1)
        assert jobs[-1]["firing"] == schedule["last_fire_at"]
    for daemon in daemons:
        assert " ERROR " not in daemon.log
        assert "Traceback" not in daemon.log
    running = await connection.fetchval(
        """
        SELECT count(*)
        FROM jobrunner.job_history AS a
        JOIN jobrunner.job_history AS b
            ON a.scheduled_job_id = b.scheduled_job_id AND a.id < b.id
            AND tstzrange(a.started_at, a.finished_at) && tstzrange(b.started_at, b.finished_at)
        """
    )
    assert running == 0, "no two of one schedule ran at the same time"

"""Stopping and running badly: signals at any moment, blocked loops, poison, a closed output."""

import asyncio
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psutil
import pytest

from tests.faults.test_kill import CREATE_RUN, IMPORTS
from tests.support.daemons import QUICK, DaemonProcess, until

MOMENTS = {
    "at once": 0.0,
    "while it imports": 0.15,
    "while it connects": 0.35,
    "about when it is ready": 0.6,
    "shortly after": 0.9,
}

PYTHON_STARTS = ("Failed to import the site module", "Could not import runpy module", "Fatal Python error: init_")
"""What Python itself says, with the exit code 1, when the signal comes before it has begun with any program."""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize("moment", MOMENTS)
def test_a_signal_during_the_start(database_url: str, moment: str, number: signal.Signals) -> None:
    """F43: whatever it is doing, it ends, and leaves nothing behind."""
    daemon = DaemonProcess(database_url, imports=IMPORTS, migrate_on_start="true")
    time.sleep(MOMENTS[moment])
    daemon.send(number)
    try:
        code = daemon.wait(20)
    except subprocess.TimeoutExpired:
        daemon.kill()
        raise
    if any(words in daemon.log for words in PYTHON_STARTS):
        return
    assert code in (0, 130, 143, -number), (
        "before our first line, and while we load, the signal itself ends the process"
    )
    assert "Traceback" not in daemon.log or "__main__.py" not in daemon.log, (
        "before our first line it is Python that speaks"
    )


async def test_running_jobs_get_their_grace(database_url: str, connection: Any) -> None:
    """F43: a job that ends within the grace ends well, one that does not goes back, its attempt not used."""
    await connection.execute(CREATE_RUN)
    daemon = await DaemonProcess(database_url, imports=IMPORTS, grace=2).ready()
    short = await connection.fetchval("SELECT jobrunner.enqueue('Held', '{\"seconds\": 1}')")
    long = await connection.fetchval("SELECT jobrunner.enqueue('Held', '{\"seconds\": 100}')")
    waiting = await connection.fetchval("SELECT jobrunner.enqueue('Quick', delay => interval '1 hour')")
    await until(connection, "SELECT count(*) = 2 FROM public.run")
    began = time.monotonic()
    assert daemon.stop() == 0
    assert time.monotonic() - began < 2 + 2 + 2, "grace, two seconds, and what a busy machine takes"
    statuses = dict(await connection.fetch("SELECT id, status::text || ' ' || attempt FROM jobrunner.jobs"))
    assert statuses == {short: "Success 1", long: "Pending 0", waiting: "Pending 0"}
    assert await connection.fetchval("SELECT count(*) FROM jobrunner.claim") == 0
    assert await connection.fetchval("SELECT outcome::text FROM jobrunner.attempt") == "Stopped"


async def test_threads_that_cannot_be_stopped_do_not_keep_the_daemon(database_url: str, connection: Any) -> None:
    """F43: jobs went to threads, as many as there are: the jobs go back, and the log says whose threads are left."""
    await connection.execute(CREATE_RUN)
    daemon = await DaemonProcess(database_url, imports=IMPORTS, grace=1).ready()
    jobs = [
        await connection.fetchval("SELECT jobrunner.enqueue('InThread', '{\"seconds\": 1000}')")
        for _ in range((os.cpu_count() or 1) + 6)
    ]
    await until(connection, "SELECT count(*) = $1 FROM public.run", len(jobs))
    began = time.monotonic()
    assert daemon.stop() == 0
    assert time.monotonic() - began < 1 + 2 + 6, "grace, two seconds for the threads, and what a busy machine takes"
    rows = await connection.fetch("SELECT id, status::text, attempt FROM jobrunner.jobs ORDER BY id")
    assert [tuple(row) for row in rows] == [(job, "Pending", 0) for job in jobs]
    assert await connection.fetchval("SELECT count(*) FROM jobrunner.claim") == 0
    assert await connection.fetchval("SELECT count(*) FROM jobrunner.daemon") == 0
    left = re.findall(r"'job (\d+) \(InThread\), attempt 1' still runs: the process ends without it", daemon.log)
    assert left
    assert set(map(int, left)) <= set(jobs)
    assert "Traceback" not in daemon.log


async def test_its_last_line_says_how_it_ended(database_url: str, connection: Any) -> None:
    await connection.execute(CREATE_RUN)
    for grace, jobs, words in ((5, 0, "no job went"), (0, 1, "1 job went"), (0, 2, "2 jobs went")):
        daemon = await DaemonProcess(database_url, imports=IMPORTS, grace=grace).ready()
        for _ in range(min(jobs, 1)):  # of two, one is there from before
            await connection.fetchval("SELECT jobrunner.enqueue('Held', '{\"seconds\": 1000}')")
        await until(connection, "SELECT count(*) = $1 FROM jobrunner.job WHERE status = 'Running'", jobs)
        assert daemon.stop() == 0
        assert re.search(rf" stopped after \d+\.\d s, {words} back to the queue$", daemon.lines[-1]), daemon.log


@pytest.mark.parametrize("second", [signal.SIGTERM, signal.SIGINT])
async def test_a_second_signal_stops_at_once(database_url: str, connection: Any, second: signal.Signals) -> None:
    """F43: the second signal is the end of the grace."""
    await connection.execute(CREATE_RUN)
    daemon = await DaemonProcess(database_url, imports=IMPORTS, grace=1000).ready()
    job = await connection.fetchval("SELECT jobrunner.enqueue('Held', '{\"seconds\": 1000}')")
    await until(connection, "SELECT count(*) = 1 FROM public.run")
    daemon.send(signal.SIGTERM)
    await asyncio.to_thread(daemon.wait_for, "stopping")
    daemon.send(second)
    assert daemon.wait(15) == 0
    assert await connection.fetchval("SELECT status::text FROM jobrunner.job WHERE id = $1", job) == "Pending"


async def test_a_blocked_event_loop_loses_no_lease_and_is_named(database_url: str, connection: Any) -> None:
    """F36: blocking for three leases in a coroutine: it runs once, and job and line are named."""
    await connection.execute(CREATE_RUN)
    one = await DaemonProcess(database_url, imports=IMPORTS, name="one", lease=1, heartbeat_interval=0.3).ready()
    job = await connection.fetchval("SELECT jobrunner.enqueue('Stuck', '{\"seconds\": 3.2}')")
    await until(connection, "SELECT count(*) = 1 FROM public.run")
    two = await DaemonProcess(database_url, imports=IMPORTS, name="two", lease=1, heartbeat_interval=0.3).ready()
    try:
        await until(connection, "SELECT count(*) = 1 FROM jobrunner.job_history WHERE id = $1", job)
        row = await connection.fetchrow("SELECT status::text, attempt, daemon FROM jobrunner.job_history")
        assert tuple(row) == ("Success", 1, "one")
        assert await connection.fetchval("SELECT count(*) FROM public.run") == 1
        line = await asyncio.to_thread(one.wait_for, "has been blocking the event loop")
        assert f"job {job} (Stuck)" in line
        assert "jobs.py:" in line
    finally:
        codes = [daemon.stop() for daemon in (one, two)]
    assert codes == [0, 0]


async def test_blocking_jobs_past_their_deadline_do_not_disturb_others(database_url: str, connection: Any) -> None:
    """F40, F39: a job that sleeps for ever is dead at its deadline; the others in the pool finish."""
    daemon = await DaemonProcess(database_url, imports=IMPORTS).ready()
    try:
        for_ever = await connection.fetchval("SELECT jobrunner.enqueue('SleepForEver')")
        patient = [
            await connection.fetchval("SELECT jobrunner.enqueue('Patient', '{\"seconds\": 3}')") for _ in range(4)
        ]
        await until(connection, "SELECT count(*) = 5 FROM jobrunner.job_history", limit=30)
        row = await connection.fetchrow(
            "SELECT status::text, error, extract(epoch FROM finished_at - started_at)::float8 AS seconds "
            "FROM jobrunner.job_history WHERE id = $1",
            for_ever,
        )
        assert row["status"] == "Failed"
        assert "deadline of 2 s" in row["error"]
        assert 2 <= row["seconds"] < 5
        others = await connection.fetch("SELECT status::text FROM jobrunner.job_history WHERE id = ANY($1)", patient)
        assert [row[0] for row in others] == ["Success"] * 4
    finally:
        assert daemon.stop() == 0


@pytest.mark.parametrize("parallel", [True, False])
async def test_poison_fails_after_its_attempts_and_harms_nobody(
    database_url: str, connection: Any, parallel: bool
) -> None:
    """F08: a job that ends its process each time is Failed with the count; its neighbours run."""
    await connection.execute(
        "INSERT INTO jobrunner.setting (name, value) VALUES ('jobs_run_in_parallel', $1)", str(parallel).lower()
    )
    daemon = await DaemonProcess(database_url, imports=IMPORTS).ready()
    try:
        poison = await connection.fetchval("SELECT jobrunner.enqueue('EndsProcess', '{\"code\": 9}')")
        await connection.execute(
            "SELECT jobrunner.enqueue('Patient', '{\"seconds\": 0}'), jobrunner.enqueue('Quick') "
            "FROM generate_series(1, 50)"
        )
        await until(connection, "SELECT count(*) = 101 FROM jobrunner.job_history", limit=60)
        row = await connection.fetchrow("SELECT * FROM jobrunner.job_history WHERE id = $1", poison)
        assert (row["status"], row["attempt"]) == ("Failed", 3)
        assert "its process ended 3 times" in row["error"]
        others = "SELECT count(*) FROM jobrunner.job_history WHERE status = 'Success'"
        assert await connection.fetchval(others) == 100
    finally:
        assert daemon.stop() == 0


async def test_a_killed_daemon_leaves_no_children(database_url: str, connection: Any) -> None:
    """F45: pool children end within five seconds of a kill -9 of their daemon."""
    daemon = await DaemonProcess(database_url, imports=IMPORTS).ready()
    try:
        await connection.execute(
            "SELECT jobrunner.enqueue('Patient', '{\"seconds\": 1000}') FROM generate_series(1, 3)"
        )
        await until(connection, "SELECT count(*) = 3 FROM jobrunner.job WHERE status = 'Running'")
        children = psutil.Process(daemon.process.pid).children(recursive=True)
        assert children
    finally:
        daemon.kill()
    _, alive = await asyncio.to_thread(psutil.wait_procs, children, 5)
    assert alive == []


async def test_a_closed_output_ends_nothing(database_url: str, connection: Any) -> None:
    """F46: whoever read the log has gone: no crash loop, jobs go on."""
    environment = {
        **os.environ,
        "JOBRUNNER_DATABASE_URL": database_url,
        "JOBRUNNER_IMPORT": IMPORTS,
        "JOBRUNNER_MIGRATE_ON_START": "false",
        "PYTHONPATH": str(Path(__file__).parents[2]),
        **{f"JOBRUNNER_{key.upper()}": str(value) for key, value in QUICK.items()},
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "jobrunner", "daemon"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    assert process.stderr is not None
    assert process.stdout is not None
    try:
        await asyncio.to_thread(process.stderr.readline)
        process.stderr.close()
        process.stdout.close()
        await connection.execute(
            "SELECT jobrunner.enqueue('Nothing'), jobrunner.enqueue('EndsProcess', '{\"code\": 1}', max_attempts => 1)"
        )
        await until(connection, "SELECT count(*) = 1 FROM jobrunner.job_history WHERE status = 'Failed'")
        job = await connection.fetchval("SELECT jobrunner.enqueue('Quick')")
        await until(connection, "SELECT count(*) = 1 FROM jobrunner.job_history WHERE id = $1", job)
        assert process.poll() is None
    finally:
        process.terminate()
        code = process.wait(20)
    assert code == 0


async def test_a_reader_that_stops_reading_stops_nothing(database_url: str, connection: Any) -> None:
    """F46: the log's pipe is full and nobody reads it: jobs go on, leases are renewed, it stops when told to."""
    environment = {
        **os.environ,
        "JOBRUNNER_DATABASE_URL": database_url,
        "JOBRUNNER_IMPORT": IMPORTS,
        "JOBRUNNER_MIGRATE_ON_START": "false",
        "PYTHONPATH": str(Path(__file__).parents[2]),
        **{f"JOBRUNNER_{key.upper()}": str(value) for key, value in QUICK.items()},
    }
    reading, writing = os.pipe()
    process = subprocess.Popen(
        [sys.executable, "-m", "jobrunner", "daemon"], env=environment, stderr=writing, start_new_session=True
    )
    os.close(writing)
    try:
        await connection.execute("SELECT jobrunner.enqueue('Talks') FROM generate_series(1, 3000)")
        await until(connection, "SELECT count(*) = 3000 FROM jobrunner.job_history WHERE status = 'Success'", limit=60)
        assert await connection.fetchval("SELECT count(*) FROM jobrunner.attempt") == 0
        process.terminate()
        assert await asyncio.to_thread(process.wait, 20) == 0
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
        os.close(reading)


async def test_one_exception_in_each_service_is_survived(database_url: str, connection: Any) -> None:
    """F19: a loop that meets an unforeseen exception goes on; it is unhealthy meanwhile, and says so."""
    from jobrunner.definitions import Registry
    from jobrunner.lifecycle import Loop
    from tests.support.daemons import daemon, define, ended

    registry = Registry()

    async def noop() -> None: ...

    define(registry, noop)
    async with daemon(database_url, registry) as running:
        parts = [part for part in (*running.services, *running.host.runner.parts) if isinstance(part, Loop)]
        assert len(parts) >= 6
        for part in parts:
            original = type(part).once
            told = asyncio.Event()

            async def once_wrong(part: Loop = part, original: Any = original, told: asyncio.Event = told) -> None:
                part.once = original.__get__(part)  # type: ignore[method-assign]
                told.set()
                raise RuntimeError("unforeseen")

            part.once = once_wrong  # type: ignore[method-assign]
            part.wake()
            async with asyncio.timeout(10):
                await told.wait()
                while part.failures_in_a_row:
                    part.wake()
                    await asyncio.sleep(0.01)
            assert part.running
            assert isinstance(part.last_error, RuntimeError)
        job = await connection.fetchval("SELECT jobrunner.enqueue('noop')")
        (row,) = await ended(connection, job)
        assert row["status"] == "Success"
        assert running.failure is None


async def test_a_service_that_does_not_stop_well_keeps_nothing_else_from_stopping(
    database_url: str, connection: Any
) -> None:
    """Whatever one part does at the end, running jobs are returned and the daemon's row goes."""
    from jobrunner.definitions import Registry
    from tests.support.daemons import daemon, define

    registry = Registry()
    began = asyncio.Event()

    async def endless() -> None:
        began.set()
        await asyncio.Event().wait()

    async def break_down() -> None:
        await stop_well()
        raise RuntimeError("it breaks while it stops")

    define(registry, endless)
    job = await connection.fetchval("SELECT jobrunner.enqueue('endless')")
    given = daemon(database_url, registry, grace=0)
    running = await given.__aenter__()
    async with asyncio.timeout(10):
        await began.wait()
    stop_well, running.scheduler._stop = running.scheduler._stop, break_down  # type: ignore[method-assign]
    with pytest.raises(RuntimeError, match="it breaks while it stops"):
        await given.__aexit__(None, None, None)
    assert await connection.fetchval("SELECT status::text FROM jobrunner.job WHERE id = $1", job) == "Pending"
    assert await connection.fetchval("SELECT count(*) FROM jobrunner.daemon") == 0


async def test_a_daemon_ends_when_its_heartbeat_has_ended(database_url: str) -> None:
    """F19: nobody renews its leases any more, so it must not go on as if nothing were."""
    from jobrunner.definitions import Registry
    from tests.support.daemons import daemon

    async with daemon(database_url, Registry()) as running:
        running.host.heartbeat.fail(RuntimeError("its thread ended"))
        async with asyncio.timeout(10):
            assert str(await running.failed()) == "its thread ended"


async def test_a_database_that_is_not_there_is_not_waited_for(database_url: str) -> None:
    """Where the server answers and refuses, the daemon says so at once, whatever language the server speaks."""
    from jobrunner.definitions import Registry
    from jobrunner.errors import DatabaseUnavailable
    from tests.support.daemons import daemon

    elsewhere = urlsplit(database_url)._replace(path="/nowhere_at_all").geturl()
    async with asyncio.timeout(10):
        with pytest.raises(DatabaseUnavailable) as refused:
            await daemon(elsewhere, Registry()).__aenter__()
    assert not refused.value.may_pass

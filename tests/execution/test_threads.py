"""The threads of coroutine jobs."""

import asyncio
import os
import threading
from typing import Any

from jobrunner.definitions import Registry
from jobrunner.execution.threads import JobThreads
from tests.execution.test_daemon_runs import enqueue
from tests.support.daemons import daemon, define, ended


def name() -> str:
    return threading.current_thread().name


async def test_a_thread_bears_its_jobs_name_while_it_works_for_it(database_url: str, connection: Any) -> None:
    registry = Registry()

    async def asks() -> list[str]:
        return [await asyncio.to_thread(name), await asyncio.get_running_loop().run_in_executor(None, name)]

    define(registry, asks)
    async with daemon(database_url, registry):
        first, second = [await enqueue(connection, "asks") for _ in range(2)]
        for job, row in zip((first, second), await ended(connection, first, second), strict=True):
            assert row["result"] == f'["job {job} (asks), attempt 1", "job {job} (asks), attempt 1"]'
        assert (await asyncio.to_thread(name)).startswith("jobrunner")


async def test_jobs_that_use_up_their_threads_hold_up_nobody_else(database_url: str, connection: Any) -> None:
    registry = Registry()
    done = threading.Event()
    began = asyncio.Event()
    waiting = 0

    async def waits() -> None:
        nonlocal waiting
        waiting += 1
        if waiting == number:
            began.set()
        await asyncio.to_thread(done.wait)

    number = min(32, (os.cpu_count() or 1) + 4) + 1
    define(registry, waits)
    async with daemon(database_url, registry):
        jobs = [await enqueue(connection, "waits") for _ in range(number)]
        try:
            async with asyncio.timeout(20):
                await began.wait()
                assert (await asyncio.to_thread(name)).startswith("jobrunner")
        finally:
            done.set()
        assert {row["status"] for row in await ended(connection, *jobs)} == {"Success"}


def test_an_error_comes_out_and_the_end_ends_both():
    threads = JobThreads()
    assert isinstance(threads.submit(int, "x").exception(), ValueError)
    threads.shutdown()
    assert not [one for one in threading.enumerate() if one.name.startswith("jobrunner jobs")]

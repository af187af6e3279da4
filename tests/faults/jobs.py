"""Jobs for daemons that tests kill, freeze and cut off: each run leaves a row, so that runs can be counted."""

import asyncio
import os

from jobrunner.definitions import JobContext, job

RECORD_RUN = "INSERT INTO public.run (job_id, attempt, pid) VALUES ($1, $2, $3)"


@job("Counted", max_attempts=20, pause=0.1)
async def counted(ctx: JobContext) -> None:
    """Leaves a row for each run that came to its end."""
    await asyncio.sleep(0.1)
    async with ctx.connection() as connection:
        await connection.execute(RECORD_RUN, ctx.job_id, ctx.attempt, os.getpid())


@job("Quick", max_attempts=20, pause=0.1)
async def quick() -> None:
    """Does nothing."""


@job("Talks")
async def talks(ctx: JobContext) -> None:
    """Says something."""
    ctx.log.info("a line of fifty letters, or some more, which fills a pipe")


@job("Held", max_attempts=20, pause=0.1)
async def held(ctx: JobContext, seconds: float) -> None:
    """Runs for a while and says when it begins."""
    async with ctx.connection() as connection:
        await connection.execute(RECORD_RUN, ctx.job_id, ctx.attempt, os.getpid())
    await asyncio.sleep(seconds)


@job("Stuck", max_attempts=3, pause=0.1)
async def stuck(ctx: JobContext, seconds: float) -> None:
    """Blocks the event loop."""
    import time

    async with ctx.connection() as connection:
        await connection.execute(RECORD_RUN, ctx.job_id, ctx.attempt, os.getpid())
    time.sleep(seconds)


@job("InThread", max_attempts=3, pause=0.1)
async def in_thread(ctx: JobContext, seconds: float) -> None:
    """Waits for a thread, which nobody can stop."""
    import asyncio
    import time

    async with ctx.connection() as connection:
        await connection.execute(RECORD_RUN, ctx.job_id, ctx.attempt, os.getpid())
    await asyncio.to_thread(time.sleep, seconds)


@job("SleepForEver", deadline=2, max_attempts=1)
def sleep_for_ever() -> None:
    """A blocking job that never ends."""
    import time

    time.sleep(100_000)


@job("Patient")
def patient(seconds: float) -> float:
    """A blocking job that ends."""
    import time

    time.sleep(seconds)
    return seconds


@job("EndsProcess", max_attempts=3, pause=0.0)
def ends_process(code: int) -> None:
    """Poison: ends its process each time."""
    os._exit(code)


@job("DiesAfterEffect", max_attempts=3, pause=0.1)
async def dies_after_effect(ctx: JobContext) -> None:
    """Its daemon is gone between the effect and the finish, the first time."""
    import signal

    async with ctx.connection() as connection:
        await connection.execute(RECORD_RUN, ctx.job_id, ctx.attempt, os.getpid())
    if ctx.attempt == 1:
        os.kill(os.getpid(), signal.SIGKILL)

"""A coroutine that holds the interpreter itself, so that no thread of its daemon runs."""

import os
import re
import time

from jobrunner.definitions import JobContext, job
from tests.faults.jobs import RECORD_RUN

EVIL = re.compile(r"(a+)+$")


def hold_interpreter(seconds: float) -> None:
    """Call into C once for at least so many seconds: each letter more takes twice the time."""
    letters, took = 16, 0.0
    while took < 0.05:
        letters += 1
        began = time.perf_counter()
        EVIL.match("a" * letters + "b")
        took = time.perf_counter() - began
    while took < seconds:
        letters += 1
        took *= 2
    EVIL.match("a" * letters + "b")


@job("HoldsInterpreter", max_attempts=3, pause=0.1)
async def holds_interpreter(ctx: JobContext, seconds: float) -> str:
    """The first attempt holds it; says which attempt stored its end."""
    async with ctx.connection() as connection:
        await connection.execute(RECORD_RUN, ctx.job_id, ctx.attempt, os.getpid())
    if ctx.attempt == 1:
        hold_interpreter(seconds)
    return f"attempt {ctx.attempt}"

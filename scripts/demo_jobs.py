"""The demo's own jobs: what an application would write."""

import datetime
import os
import platform

from jobrunner.definitions import JobContext, job


@job("EveryFiveSeconds")
async def every_five_seconds(ctx: JobContext) -> None:
    """A coroutine: runs on the daemon's event loop."""
    ctx.log.info("the firing of %s", f"{ctx.firing:%H:%M:%S}" if ctx.firing else "now")


@job("EveryMinute", deadline=30)
def every_minute() -> dict[str, str]:
    """A blocking function: runs in a process of its own."""
    print(f"counting up in process {os.getpid()}")
    total = sum(range(3_000_000))
    return {"total": str(total), "python": platform.python_version(), "at": str(datetime.datetime.now(datetime.UTC))}

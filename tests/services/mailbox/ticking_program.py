"""A daemon that watches its own event loop: how much it computes between two ticks.

It says when it is ready. When its standard input ends it says the most that one step took, in milliseconds of CPU of
the loop's thread, and how many ticks there were. CPU, not the clock: a busy machine is no fault of ours.
"""

import asyncio
import sys
import time

from jobrunner.cli.output import loop_factory
from jobrunner.config import load
from jobrunner.daemon import Daemon
from jobrunner.definitions import registry

TICK = 0.001


async def main(url: str, secret_key: str, data_dir: str) -> None:
    """Run until standard input ends."""
    registry.load(["jobrunner.jobs"])
    configuration = load(
        database_url=url, migrate_on_start=False, secret_key=secret_key, data_dir=data_dir, http={"enabled": False}
    )
    async with Daemon(dsn=url, direct_dsn=url, configuration=configuration, registry=registry):
        print("ready", flush=True)
        longest, ticks = 0.0, 0

        async def tick() -> None:
            nonlocal longest, ticks
            before = time.thread_time()
            while True:
                await asyncio.sleep(TICK)
                longest, ticks = max(longest, time.thread_time() - before), ticks + 1
                before = time.thread_time()

        ticking = asyncio.create_task(tick())
        await asyncio.to_thread(sys.stdin.read)
        ticking.cancel()
        print(f"{longest * 1000:.1f} {ticks}", flush=True)


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        runner.run(main(*sys.argv[1:]))

"""A daemon in little, to be killed: runs what the process slots have to end, and prints when all of it runs (F45).

It has no guard for `__main__`, on purpose.
"""

import asyncio
import sys
from pathlib import Path

from jobrunner.execution.slots import ProcessSlots

JOBS = "tests.execution.slot_jobs"


async def main(folder: Path) -> None:
    slots = ProcessSlots(5)
    await slots.start()
    running = []

    async def run(name: str, **arguments: str) -> None:
        begun = asyncio.Event()
        running.append(
            asyncio.create_task(
                slots.run(JOBS, name, arguments, {}, deadline=None, on_log=print, on_progress=lambda *_: begun.set())
            )
        )
        await begun.wait()

    await run("sleep_for_ever")
    await run("stuck_in_c")
    await run("wait_for_family", file=str(folder / "family"))
    await run("hide", file=str(folder / "hidden"))
    print("all run", flush=True)  # the fifth slot is idle
    await asyncio.wait(running)


print("main module runs", flush=True)
asyncio.run(main(Path(sys.argv[1])))

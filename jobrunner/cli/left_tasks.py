"""Tasks that go on although they were cancelled, such as those of jobs that were given up: the process ends without."""

import asyncio
import logging

LIMIT = 2.0
"""Seconds that what is left at the end has to stop."""

log = logging.getLogger("jobrunner")


def end_without_them(runner: asyncio.Runner) -> None:
    """Cancel what is left on the runner's loop, and forget what does not stop: the runner would wait for ever."""
    runner.run(_forget())


async def _forget() -> None:
    own = asyncio.current_task()
    left = {task for task in asyncio.all_tasks() if task is not own}
    if not left:
        return
    for task in left:
        task.cancel()
    _, stubborn = await asyncio.wait(left, timeout=LIMIT)
    for task in stubborn:
        asyncio._unregister_task(task)
        task._log_destroy_pending = False  # type: ignore[attr-defined]
    if stubborn:
        log.warning("%d of what ran here did not stop when asked to: the process ends all the same", len(stubborn))

"""What goes on when a command has ended, such as tasks of jobs that were given up: its event loop ends without.

The threads that it leaves are `left_threads`'.
"""

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor

LIMIT = 2.0
"""Seconds that what is left at the end has to stop."""

log = logging.getLogger("jobrunner")


def end_without_them(runner: asyncio.Runner) -> None:
    """Cancel what is left on the runner's loop, and forget what does not stop: the runner would wait for ever."""
    runner.run(_forget())
    # Its end waits for the threads of its default executor, some versions of Python without a limit.
    runner.get_loop().set_default_executor(ThreadPoolExecutor(1))


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

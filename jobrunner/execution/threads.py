"""The threads of coroutine jobs: what `asyncio.to_thread` and `run_in_executor(None, …)` run in.

Such a thread cannot be stopped, and outlives its job where that is cancelled. It bears the name of the job, so that
whoever meets it knows whose it is. Jobs may use up their threads, so what is no job has others.
"""

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from jobrunner.execution.attempt import current_attempt

P = ParamSpec("P")
T = TypeVar("T")


class JobThreads(ThreadPoolExecutor):
    """An event loop's default executor, whose threads are named after the jobs that they work for."""

    def __init__(self) -> None:
        super().__init__(thread_name_prefix="jobrunner jobs")
        self._others = ThreadPoolExecutor(thread_name_prefix="jobrunner")

    def submit(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Future[T]:
        """Run it in a thread, for the job that calls."""
        attempt = current_attempt.get(None)
        if attempt is None:
            return self._others.submit(function, *args, **kwargs)
        label = attempt.label  # and not the attempt, which is not to be kept for as long as the thread runs

        def named() -> T:
            thread = threading.current_thread()
            name, thread.name = thread.name, label
            try:
                return function(*args, **kwargs)
            finally:
                thread.name = name

        return super().submit(named)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """End the threads of both."""
        self._others.shutdown(wait, cancel_futures=cancel_futures)
        super().shutdown(wait, cancel_futures=cancel_futures)

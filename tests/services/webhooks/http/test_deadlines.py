"""Limits that many tasks have alike: each runs out for itself, and a task that is cancelled stays so."""

import asyncio
import time

import pytest

from jobrunner.services.webhooks.http.deadlines import Deadlines


async def within(deadlines: Deadlines, event: asyncio.Event) -> str:
    try:
        with deadlines.begin():
            await event.wait()
    except TimeoutError:
        return "run out"
    return "in time"


async def test_each_runs_out_for_itself():
    deadlines = Deadlines(0.2)
    never, soon = asyncio.Event(), asyncio.Event()
    began = time.monotonic()
    first = [asyncio.create_task(within(deadlines, event)) for event in (never, soon, never)]
    await asyncio.sleep(0)
    soon.set()
    await first[1]
    later = asyncio.create_task(within(deadlines, never))
    assert await asyncio.gather(*first) == ["run out", "in time", "run out"]
    assert time.monotonic() - began >= 0.2
    assert await later == "run out"
    assert await within(deadlines, soon) == "in time"
    deadlines.close()


async def test_a_task_that_has_run_out_goes_on_uncancelled():
    deadlines = Deadlines(0.01)
    assert await within(deadlines, asyncio.Event()) == "run out"
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0
    await asyncio.sleep(0)
    deadlines.close()


async def test_a_task_that_is_cancelled_is_cancelled():
    deadlines = Deadlines(60)
    task = asyncio.create_task(within(deadlines, asyncio.Event()))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    deadlines.close()


async def test_a_task_that_is_cancelled_as_its_limit_runs_out_is_cancelled():
    deadlines = Deadlines(0.01)
    task = asyncio.create_task(within(deadlines, asyncio.Event()))

    def cancel() -> None:
        task.cancel()

    await asyncio.sleep(0)
    # Both come before the task runs again.
    time.sleep(0.02)  # the timer is due when the loop goes on
    asyncio.get_running_loop().call_soon(cancel)
    with pytest.raises(asyncio.CancelledError):
        await task
    deadlines.close()


async def test_an_error_of_its_own_comes_through():
    deadlines = Deadlines(60)
    with pytest.raises(KeyError), deadlines.begin():
        raise KeyError
    deadlines.close()

"""Limits that many tasks have alike: each runs out for itself, and a task that is cancelled stays so."""

import asyncio
import time

import pytest

from jobrunner.services.webhooks.http.shared_limit import SharedLimit


async def within(limit: SharedLimit, event: asyncio.Event) -> str:
    try:
        with limit.begin():
            await event.wait()
    except TimeoutError:
        return "run out"
    return "in time"


async def test_each_runs_out_for_itself():
    limit = SharedLimit(0.2)
    never, soon = asyncio.Event(), asyncio.Event()
    began = time.monotonic()
    first = [asyncio.create_task(within(limit, event)) for event in (never, soon, never)]
    await asyncio.sleep(0)
    soon.set()
    await first[1]
    later = asyncio.create_task(within(limit, never))
    assert await asyncio.gather(*first) == ["run out", "in time", "run out"]
    assert time.monotonic() - began >= 0.2
    assert await later == "run out"
    assert await within(limit, soon) == "in time"
    limit.close()


async def test_a_task_that_has_run_out_goes_on_uncancelled():
    limit = SharedLimit(0.01)
    assert await within(limit, asyncio.Event()) == "run out"
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0
    await asyncio.sleep(0)
    limit.close()


async def test_a_task_that_is_cancelled_is_cancelled():
    limit = SharedLimit(60)
    task = asyncio.create_task(within(limit, asyncio.Event()))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    limit.close()


async def test_a_task_that_is_cancelled_as_its_limit_runs_out_is_cancelled():
    limit = SharedLimit(0.01)
    task = asyncio.create_task(within(limit, asyncio.Event()))

    def cancel() -> None:
        task.cancel()

    await asyncio.sleep(0)
    # Both come before the task runs again.
    time.sleep(0.02)  # the timer is due when the loop goes on
    asyncio.get_running_loop().call_soon(cancel)
    with pytest.raises(asyncio.CancelledError):
        await task
    limit.close()


async def test_an_error_of_its_own_comes_through():
    limit = SharedLimit(60)
    with pytest.raises(KeyError), limit.begin():
        raise KeyError
    limit.close()

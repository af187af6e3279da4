"""A connection of a page, without the network."""

import asyncio
import gc

import pytest

from jobrunner.web.push.viewer import RENEW, RESTART, Ended, serve_until_end


async def test_what_fails_in_several_parts_is_told_once(caplog: pytest.LogCaptureFixture):
    """The first one's error is raised, and of the others nobody complains."""

    async def stops() -> None:
        raise Ended(RESTART)

    async def breaks() -> None:
        raise RuntimeError("the page is gone")

    with pytest.raises(Ended) as ended:
        await serve_until_end(20, stops(), breaks())
    assert ended.value.end is RESTART
    del ended  # which holds the tasks
    gc.collect()
    assert caplog.records == []


async def test_when_a_part_ends_or_the_time_is_over_none_is_left():
    for session, work in ((0.01, asyncio.sleep(60)), (60, asyncio.sleep(0))):
        left = asyncio.Event()

        async def waits(left: asyncio.Event) -> None:
            try:
                await asyncio.sleep(60)
            finally:
                left.set()

        with pytest.raises(Ended) as ended:
            await serve_until_end(session, work, waits(left))
        assert ended.value.end is RENEW
        assert left.is_set()

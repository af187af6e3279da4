"""Questions that wait are answered together, so many at most."""

import asyncio
from collections.abc import Sequence

from jobrunner.services.webhooks.sending.gathering import Gatherer


async def test_no_call_gets_more_than_the_most_and_each_question_its_answer():
    calls: list[list[int]] = []

    async def double(questions: Sequence[int]) -> list[int]:
        calls.append(list(questions))
        await asyncio.sleep(0)
        return [2 * question for question in questions]

    gatherer: Gatherer[int, int] = Gatherer("test", double, double, most=3)
    gatherer.start()
    async with asyncio.timeout(10):
        assert await asyncio.gather(*map(gatherer.put, range(10))) == [2 * number for number in range(10)]
    await gatherer.close()
    assert [number for call in calls for number in call] == list(range(10)), "in their order"
    assert max(map(len, calls)) == 3

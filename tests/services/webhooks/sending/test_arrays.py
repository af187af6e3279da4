"""Arrays as text come out of PostgreSQL as they went in."""

from jobrunner.services.webhooks.sending.arrays import array, flags, texts
from tests.services.webhooks.stage import Stage


async def test_numbers(stage: Stage):
    for numbers in ([], [1], [3, -2, 1 << 62]):
        assert await stage.pool.fetchval("SELECT $1::text::bigint[]", array(numbers)) == numbers


async def test_truth_values(stage: Stage):
    for values in ([], [True], [False, True, True]):
        assert await stage.pool.fetchval("SELECT $1::text::boolean[]", flags(values)) == values


async def test_texts(stage: Stage):
    for values in (
        [],
        [""],
        [None, "NULL", "null"],
        ["a,b", "{c}", ' " ', "\\", '\\"', "\\\\n", "a\r\n\tb"],
        ["ä – 漢字 🙂", "'; DROP TABLE x; --", "$1"],
    ):
        assert await stage.pool.fetchval("SELECT $1::text::text[]", texts(values)) == values

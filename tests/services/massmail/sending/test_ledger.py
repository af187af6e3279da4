"""The ledger: which entries share a statement, and that nobody waits long for others."""

import asyncio
from typing import Any

import pytest

from jobrunner.services.massmail.sending import ledger as module
from jobrunner.services.massmail.sending.hour import HourLimit
from jobrunner.services.massmail.sending.items import Answer, Settlement
from jobrunner.services.massmail.sending.ledger import Ledger


class Table:
    """Takes every entry, after a moment as a database does, and remembers the statements."""

    def __init__(self, used: int = 0) -> None:
        self.statements: list[tuple[list[int], list[int]]] = []
        self.used = used
        self.counted = 0

    async def count_hour(self, line: Any) -> int:
        self.counted += 1
        return self.used

    async def exchange(self, line: Any, settlements: list[Settlement], going: list[int], room: int | None) -> Answer:
        await asyncio.sleep(0.001)
        settled = [settlement.id for settlement in settlements]
        self.statements.append((settled, list(going)))
        return Answer(True, settled, going[:room], [])


async def open_ledger(table: Table, hour: int = 0) -> Ledger:
    ledger = Ledger(table, None, HourLimit(hour), lambda answer, settlements: None)  # type: ignore[arg-type]
    ledger.start()
    return ledger


async def test_the_results_of_all_that_are_under_way_share_a_statement(monkeypatch: pytest.MonkeyPatch):
    """Though they come one after another, and a statement could begin with the first."""
    monkeypatch.setattr(module, "GATHERING_LIMIT", 30.0)
    table = Table()
    ledger = await open_ledger(table)
    assert all(await asyncio.gather(*(ledger.exchange(None, number) for number in range(3))))
    ledger._took = 30.0  # as if statements took long: the limit of the wait is not what ends it
    answers = []
    for number in range(3):
        answers.append(asyncio.create_task(ledger.exchange(Settlement(number, "Sent"), 10 + number)))
        for _ in range(5):
            await asyncio.sleep(0)
        assert len(table.statements) == 1
    assert all(await asyncio.gather(*answers))
    await ledger.close()

    assert table.statements == [([], [0, 1, 2]), ([0, 1, 2], [10, 11, 12])]


async def test_one_that_takes_long_keeps_nobody():
    table = Table()
    ledger = await open_ledger(table)
    await asyncio.gather(ledger.exchange(None, 1), ledger.exchange(None, 2))
    async with asyncio.timeout(10):  # of the second nothing is ever heard
        for number in (1, 3, 4):
            assert await ledger.exchange(Settlement(number, "Sent"), number + 1)
    await ledger.close()

    assert [settled for settled, _ in table.statements] == [[], [1], [3], [4]]


async def test_it_says_when_the_database_is_at_a_statement(monkeypatch: pytest.MonkeyPatch):
    """Mails are written then; where nothing is to be stored, that is soon said as well."""
    monkeypatch.setattr(module, "GATHERING_LIMIT", 30.0)
    table = Table()
    ledger = await open_ledger(table)
    waiting = asyncio.create_task(ledger.at_work())
    await asyncio.sleep(0)
    assert not waiting.done()
    answer = asyncio.create_task(ledger.exchange(None, 1))
    await waiting
    assert not table.statements
    assert not answer.done()
    await ledger.at_work()
    assert not table.statements, "of one that is under way it is said at once"
    assert await answer
    monkeypatch.setattr(module, "GATHERING_LIMIT", 0.001)
    async with asyncio.timeout(10):
        await ledger.at_work()
    await ledger.close()


async def test_the_hour_is_counted_seldom_while_there_is_room_and_not_passed():
    table = Table(used=90)
    ledger = await open_ledger(table, hour=100)
    assert [await ledger.exchange(None, number) for number in range(2)] == [True, True]
    assert table.counted == 1, "an eighth of what is left goes uncounted"
    table.used = 99
    assert await asyncio.gather(ledger.exchange(None, 3), ledger.exchange(None, 4)) == [True, False]
    assert table.counted == 2
    await ledger.close()

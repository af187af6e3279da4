"""The log of hits on a line that breaks: each hit is stored once, also those that are left when it stops."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

import pytest

from jobrunner.db.connection import TRANSIENT, Connection
from jobrunner.services.massmail import tracking
from jobrunner.services.massmail.tracking import HitLog
from jobrunner.services.massmail.visitor import Visitor
from tests.support.proxy import Line, Proxy
from tests.web.conftest import FIREFOX, Mailing

READER = Visitor.of("198.51.100.7", FIREFOX)


@asynccontextmanager
async def log_behind(database_url: str, on_line: Callable[[Line], None]) -> AsyncIterator[HitLog]:
    """A log of hits whose connections go through a proxy."""
    async with Proxy(database_url) as proxy:
        proxy.on_line = on_line
        connection = Connection(proxy.url, "hits")
        hits = HitLog(connection)
        await hits.start()
        try:
            yield hits
        finally:
            await hits.stop()
            await connection.close()


class Cutter:
    """Cuts lines after they have carried hits, so many times; the server has them, its answer is lost."""

    def __init__(self, times: int, mark: bytes = FIREFOX.encode()) -> None:
        self.left = times
        self._mark = mark

    def __call__(self, line: Line) -> None:
        line.after_request = self._cuts

    def _cuts(self, data: bytes) -> bool:
        if self._mark not in data or not self.left:
            return False
        self.left -= 1
        return True


async def until_stored(hits: HitLog) -> None:
    async with asyncio.timeout(30):
        while hits.waiting:
            with suppress(*TRANSIENT):
                await hits.passed()


async def track_opens(mailing: Mailing) -> None:
    await mailing.connection.execute(
        "INSERT INTO jobrunner.setting (name, value) VALUES ('mass_email_open_tracking', 'true')"
    )


async def test_a_batch_whose_answer_is_lost_is_stored_once(database_url: str, mailing: Mailing):
    """The click implies an open, which must not come twice, either."""
    await track_opens(mailing)
    cutter = Cutter(2)
    async with log_behind(database_url, cutter) as hits:
        hits.note(mailing.item, "Clicked", READER, mailing.urls[0])
        hits.note(mailing.item, "Clicked", READER, mailing.urls[0])
        await until_stored(hits)
        assert cutter.left == 0
        assert (hits.stored, hits.dropped) == (2, 0)

    assert sorted(await mailing.log()) == [("Clicked", "Human"), ("Clicked", "Human"), ("Opened", "Human")]


async def test_a_line_that_breaks_between_the_two_statements_stores_nothing_twice(database_url: str, mailing: Mailing):
    """The second statement settles what was in doubt; until it is through the batch is kept."""
    await mailing.connection.execute("UPDATE jobrunner.queue_item SET status = 'Uncertain', sent_at = NULL")
    cutter = Cutter(1, b"somebody followed one of its links")
    async with log_behind(database_url, cutter) as hits:
        hits.note(mailing.item, "Opened", READER)
        await until_stored(hits)
        assert cutter.left == 0

    assert [action for action, _ in await mailing.log("Opened")] == ["Opened"]
    assert await mailing.connection.fetchval("SELECT status::text FROM jobrunner.queue_item") == "Sent"


async def test_two_batches_at_once_with_the_same_hits_store_them_once(database_url: str, mailing: Mailing):
    """As if the server were still at the first one when it comes again."""
    connections = [Connection(database_url, f"hits {number}") for number in range(2)]
    logs = [HitLog(connection) for connection in connections]
    logs[0].note(mailing.item, "Clicked", READER, mailing.urls[0])
    logs[1]._waiting.extend(logs[0]._waiting)
    await asyncio.gather(*(log.once() for log in logs))
    for connection in connections:
        await connection.close()

    assert await mailing.log("Clicked") == [("Clicked", "Human")]


async def test_the_last_hits_are_stored_over_a_line_that_breaks_at_the_stop(database_url: str, mailing: Mailing):
    cutter = Cutter(1)
    async with log_behind(database_url, cutter) as hits:
        for _ in range(50):
            hits.note(mailing.item, "Opened", READER)
        await hits.stop()
        assert cutter.left == 0
        assert (hits.stored, hits.dropped, hits.waiting) == (50, 0, 0)

    assert len(await mailing.log("Opened")) == 50


async def test_a_stop_waits_for_a_database_that_is_away_no_longer_than_its_limit(
    database_url: str, mailing: Mailing, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    monkeypatch.setattr(tracking, "STOP_LIMIT", 0.3)
    async with Proxy(database_url) as proxy:
        connection = Connection(proxy.url, "hits")
    hits = HitLog(connection)
    await hits.start()
    hits.note(mailing.item, "Opened", READER)
    async with asyncio.timeout(10):
        await hits.stop()

    assert (hits.dropped, hits.waiting) == (1, 0)
    assert "1 hits on links of mails were not stored" in caplog.text


async def test_what_the_database_refuses_does_not_keep_the_rest_at_the_stop(
    database_url: str, mailing: Mailing, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(tracking, "BATCH", 1)
    connection = Connection(database_url, "hits")
    hits = HitLog(connection)
    await hits.start()
    hits.note(mailing.item, "Scratched", READER)  # type: ignore[arg-type]  nothing of that kind can be stored
    hits.note(mailing.item, "Opened", READER)
    await hits.stop()
    await connection.close()

    assert (hits.stored, hits.dropped) == (1, 1)
    assert await mailing.log("Opened") == [("Opened", "Human")]

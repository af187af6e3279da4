"""The WebSocket of pages: whose they are, what they get, and where it ends."""

import asyncio
import json
import logging
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus

from jobrunner.queue.settings import set_setting
from tests.web.conftest import Site
from tests.web.push.pages import Page, page
from tests.web.push.people import Person, add_person


async def state(person: Person, id: int) -> str:
    found: str = await person.connection.fetchval("SELECT state::text FROM jobrunner.reminder WHERE id = $1", id)
    return found


async def until_state(person: Person, id: int, wanted: str) -> None:
    async with asyncio.timeout(5):
        while await state(person, id) != wanted:
            await asyncio.sleep(0.01)


async def test_seen_and_dismissed_on_one_page_is_so_on_the_other(site: Site, ann: Person):
    async with page(site, await ann.token()) as first, page(site, await ann.token()) as second:
        assert await first.hear() == []
        assert await second.hear() == []
        budget = await ann.popup("Budget")
        site.hear(ann.id)
        for one in (first, second):
            (popup,) = await one.hear()
            assert (popup["id"], popup["name"], popup["seen"]) == (budget, "Budget", False)
        await first.say(seen=[budget])
        await until_state(ann, budget, "Seen")
        site.hear(ann.id)
        for one in (first, second):
            assert [popup["seen"] for popup in await one.hear()] == [True]
        await second.say(dismiss=[budget])
        await until_state(ann, budget, "Dismissed")
        site.hear(ann.id)
        for one in (first, second):
            assert await one.hear() == []


async def test_what_was_due_before_it_came_is_there_at_once(site: Site, ann: Person):
    ids = [await ann.popup("Budget"), await ann.popup("Plan")]
    async with page(site, await ann.token()) as one:
        assert sorted(popup["id"] for popup in await one.hear()) == ids
        await one.say(snooze=ids[0], minutes=10)
        await until_state(ann, ids[0], "Waiting")
        site.hear(ann.id)
        assert [popup["id"] for popup in await one.hear()] == ids[1:]


async def test_a_notification_that_was_lost_is_made_up_for_by_the_heartbeat(site: Site, ann: Person):
    """While nothing is heard, the table is read each second."""
    async with page(site, await ann.token()) as one:
        assert await one.hear() == []
        budget = await ann.popup("Budget")
        async with asyncio.timeout(5):
            assert [popup["id"] for popup in await one.hear()] == [budget]


@pytest.mark.parametrize("token", ["", "forged", "A" * 200, 7, None, ["a"]])
async def test_a_forged_token_is_refused_and_not_logged(site: Site, token: Any, caplog: pytest.LogCaptureFixture):
    """H18: closed with 4401; nothing of the token is in the log."""
    caplog.set_level(logging.DEBUG)
    async with page(site) as one:
        await one.say(token=token)
        assert await one.end() == 4401
    assert not any("forged" in message and "A" * 20 in message for message in caplog.messages)


async def test_an_old_token_is_refused(site: Site, ann: Person):
    """H18: an old token."""
    token = await ann.token(milliseconds=1)
    async with page(site, token) as one:
        assert await one.end() == 4401


async def test_who_says_nothing_or_rubbish_is_sent_away(site: Site, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("jobrunner.web.push.socket.TOKEN_LIMIT", 0.05)
    async with page(site) as one:
        assert await one.end() == 4401
    for text in ("", "[]", "{", "[" * 2000):
        async with page(site) as one:
            await one.socket.send(text)
            assert await one.end() == 4401
    async with page(site) as one:
        await one.socket.send("x" * 5000)
        assert await one.end() == 1009, "a message has at most 4 KB"


@pytest.mark.parametrize(
    "message",
    [
        {"seen": ["1"]},
        {"seen": [True]},
        {"seen": list(range(1, 60))},
        {"dismiss": [2**70]},
        {"dismiss": 1},
        {"snooze": 1, "minutes": 7},
        {"snooze": 1, "minutes": True},
        {"snooze": 1},
        {"token": "again"},
        [],
    ],
)
async def test_what_is_no_message_ends_it(site: Site, ann: Person, message: Any):
    async with page(site, await ann.token()) as one:
        await one.hear()
        await one.socket.send(json.dumps(message))
        assert await one.end() == 4400


async def test_another_ones_popup_is_left_alone(site: Site, ann: Person):
    """Another user's popup id is ignored."""
    bob = await add_person(ann.connection, "Bob")
    budget = await ann.popup("Budget")
    async with page(site, await bob.token()) as one:
        assert await one.hear() == []
        own = await bob.popup("Own")
        await one.say(dismiss=[budget, own])
        await one.say(snooze=budget, minutes=5)
        await until_state(bob, own, "Dismissed")
        site.hear(bob.id)
    assert await state(ann, budget) == "Due"


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        ("https://crm.example.com", True),
        ("https://intranet.example.org:8443", True),
        ("https://evil.example", False),
        ("null", False),
        ("https://crm.example.com.evil.example", False),
        ("http://crm.example.com", False),
    ],
)
async def test_pages_of_foreign_origins_are_refused(site: Site, ann: Person, origin: str, allowed: bool):
    """H18: a WebSocket with a foreign Origin."""
    await set_setting(ann.connection, "push_allowed_origins", "https://intranet.example.org:8443/", "test")
    site.web.hub.look_at_all()
    await site.web.hub.passed()
    if allowed:
        async with page(site, await ann.token(), origin=origin) as one:
            assert await one.hear() == []
    else:
        with pytest.raises(InvalidStatus) as refusal:
            await page(site, origin=origin).__aenter__()
        assert refusal.value.response.status_code == 403
    answer = await site.client.options(f"{site.url}/push/stream", headers={"Origin": origin})
    assert answer.status_code == (204 if allowed else 403)
    assert answer.headers.get("access-control-allow-origin") == (origin if allowed else None)


async def test_a_user_has_so_many_pages_and_no_more(site: Site, ann: Person):
    await set_setting(ann.connection, "push_max_connections_per_user", "2", "test")
    site.web.hub.look_at_all()
    await site.web.hub.passed()
    bob = await add_person(ann.connection, "Bob")
    async with page(site, await ann.token()) as first, page(site, await ann.token()) as second:
        await first.hear()
        await second.hear()
        async with page(site, await ann.token()) as third:
            assert await third.end() == 4429
        answer = await site.client.get(f"{site.url}/push/stream", headers=await ann.bearer())
        assert answer.status_code == 429
        async with page(site, await bob.token()) as other:
            assert await other.hear() == []
    async with asyncio.timeout(5):
        while site.web.hub.count:
            await asyncio.sleep(0.01)


async def test_a_page_has_to_bring_a_new_token_now_and_then(site: Site, ann: Person):
    await set_setting(ann.connection, "push_session", "0.01", "test")
    site.web.hub.look_at_all()
    await site.web.hub.passed()
    async with page(site, await ann.token()) as one:
        assert await one.end() == 4408


async def test_who_is_not_active_any_more_is_sent_away(site: Site, ann: Person):
    async with page(site, await ann.token()) as one:
        await one.hear()
        await ann.connection.execute("UPDATE jobrunner.app_user SET active = false WHERE id = $1", ann.id)
        site.web.hub.look_at_all()
        assert await one.end() == 4401


async def test_a_page_that_does_not_read_is_cut_and_nobody_waits_for_it(
    site: Site, ann: Person, monkeypatch: pytest.MonkeyPatch
):
    """Slow readers: one state is held for it, however many there were, and its line is cut."""
    monkeypatch.setattr("jobrunner.web.push.socket.SEND_LIMIT", 0.2)
    bob = await add_person(ann.connection, "Bob")
    async with page(site, await bob.token()) as good, page(site, await ann.token(), max_size=None) as slow:
        await good.hear()
        await slow.hear()
        slow.socket.transport.pause_reading()
        (viewer,) = site.web.hub._viewers[ann.id]
        async with asyncio.timeout(20):
            number = 0
            while site.web.hub.count == 2:
                number += 1
                viewer.show(json.dumps([{"id": number, "name": "x" * 2_000_000}]))
                await asyncio.sleep(0.01)
        budget = await bob.popup("Budget")
        site.hear(bob.id)
        assert [popup["id"] for popup in await good.hear()] == [budget]
        slow.socket.transport.abort()


async def test_when_the_daemon_stops_pages_are_sent_away_at_once(site: Site, ann: Person):
    async with page(site, await ann.token()) as one:
        await one.hear()
        stopping = asyncio.create_task(site.web.stop())
        async with asyncio.timeout(2):
            assert await one.end() == 1012
        await stopping


async def test_many_pages_of_many_users_are_read_for_at_once(site: Site, ann: Person):
    people = [ann, *[await add_person(ann.connection, f"u{number}") for number in range(15)]]
    pages: list[Page] = []
    async with asyncio.timeout(30):
        opened = [page(site, await person.token()) for person in people]
        for one in opened:
            pages.append(await one.__aenter__())
        for one in pages:
            await one.hear()
        passes = site.web.hub.passes
        for person in people:
            await person.popup("Budget")
        for person in people:
            site.hear(person.id)
        for one in pages:
            assert len(await one.hear()) == 1
        assert site.web.hub.passes - passes <= 8
        for one in opened:
            await one.__aexit__(None, None, None)

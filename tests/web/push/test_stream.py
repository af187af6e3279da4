"""Server-sent events: what a page without a WebSocket gets, and what its user does there."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from jobrunner.queue.settings import set_setting
from jobrunner.services.records import remove
from tests.web.conftest import Site, serve
from tests.web.push.people import Person


async def events(answer: httpx.Response) -> AsyncIterator[tuple[str, Any]]:
    name = ""
    async for line in answer.aiter_lines():
        if line.startswith("event: "):
            name = line[7:]
        elif line.startswith("data: "):
            yield name, json.loads(line[6:])


async def test_it_gets_all_that_is_open_then_every_change(site: Site, ann: Person):
    budget = await ann.popup("Budget")
    headers = await ann.bearer()
    async with site.client.stream("GET", f"{site.url}/push/stream", headers=headers) as answer:
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith("text/event-stream")
        stream = events(answer)
        name, popups = await anext(stream)
        assert name == "popups"
        assert [(popup["id"], popup["name"], popup["seen"]) for popup in popups] == [(budget, "Budget", False)]
        assert popups[0]["url"] == f"https://crm.example.com/#Meeting/view/{popups[0]['record']}"

        done = await site.client.post(f"{site.url}/push/popups", headers=headers, json={"seen": [budget]})
        assert done.status_code == 204
        site.hear(ann.id)
        _, popups = await anext(stream)
        assert popups[0]["seen"]

        await remove(ann.connection, "Meeting", popups[0]["record"])
        site.hear(ann.id)
        assert await anext(stream) == ("popups", [])


async def test_where_nobody_has_said_where_records_are_there_is_no_link(ann: Person, database_url: str):
    await ann.popup("Budget")
    async with (
        serve(database_url, site_url=None) as site,
        site.client.stream("GET", f"{site.url}/push/stream", headers=await ann.bearer()) as answer,
    ):
        _, popups = await anext(events(answer))
        assert (popups[0]["name"], popups[0]["url"]) == ("Budget", None)


async def test_without_a_token_there_is_nothing(site: Site, ann: Person):
    for headers in ({}, {"Authorization": "Bearer forged"}, {"Authorization": f"Basic {await ann.token()}"}):
        for answer in (
            await site.client.get(f"{site.url}/push/stream", headers=headers),
            await site.client.post(f"{site.url}/push/popups", headers=headers, json={"dismiss": [1]}),
        ):
            assert (answer.status_code, answer.headers["www-authenticate"]) == (401, "Bearer")
    in_url = await site.client.get(f"{site.url}/push/stream", params={"token": await ann.token()})
    assert in_url.status_code == 401, "never in a URL"


async def test_what_is_no_message_is_refused(site: Site, ann: Person):
    for text in ("", "[]", "{}", '{"dismiss": 1}', '{"snooze": 1, "minutes": 3}'):
        answer = await site.client.post(f"{site.url}/push/popups", headers=await ann.bearer(), content=text)
        assert answer.status_code == 422, text
        assert answer.json()["error"]


async def test_when_the_daemon_stops_streams_end_at_once(site: Site, ann: Person):
    async with site.client.stream("GET", f"{site.url}/push/stream", headers=await ann.bearer()) as answer:
        stream = events(answer)
        assert await anext(stream) == ("popups", [])
        stopping = asyncio.create_task(site.web.stop())
        async with asyncio.timeout(2):
            assert await anext(stream) == ("end", 1012)
        await stopping


async def test_a_page_that_does_not_read_when_its_time_is_over_is_cut(
    site: Site, ann: Person, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    """It is to come again, and does not even hear that."""
    await set_setting(ann.connection, "push_session", "0.03", "test")
    site.web.hub.look_at_all()
    await site.web.hub.passed()
    head = f"GET /push/stream HTTP/1.1\r\nHost: x\r\nAuthorization: {(await ann.bearer())['Authorization']}\r\n\r\n"
    _, writer = await asyncio.open_connection("127.0.0.1", site.port)
    writer.transport.pause_reading()
    writer.write(head.encode())
    server = site.web.server._server
    assert server is not None
    async with asyncio.timeout(20):
        while not site.web.hub.count:
            await asyncio.sleep(0.01)
        (viewer,) = site.web.hub._viewers[ann.id]
        (line,) = server.server_state.connections
        while not line.flow.write_paused:
            viewer.show(json.dumps([{"name": "x" * 2_000_000, "id": len(caplog.records)}]))
            await asyncio.sleep(0.01)
            viewer.show("[]")
            await asyncio.sleep(0.01)
        monkeypatch.setattr("jobrunner.web.push.stream.SEND_LIMIT", 0.2)
        while server.server_state.connections:
            await asyncio.sleep(0.01)
    assert site.web.hub.count == 0
    assert [record.levelname for record in caplog.records if record.levelname in ("ERROR", "WARNING")] == []
    writer.transport.abort()


async def test_the_script_and_the_demo_page(site: Site):
    script = await site.client.get(f"{site.url}/push/popups.js")
    assert script.status_code == 200
    assert script.headers["content-type"].startswith("text/javascript")
    assert script.headers["cross-origin-resource-policy"] == "cross-origin"
    demo = await site.client.get(f"{site.url}/push/demo")
    policy = demo.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'sha256-")
    assert "unsafe" not in policy

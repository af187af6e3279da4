"""Server-sent events: what a page without a WebSocket gets, and what its user does there."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx

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


async def test_the_script_and_the_demo_page(site: Site):
    script = await site.client.get(f"{site.url}/push/popups.js")
    assert script.status_code == 200
    assert script.headers["content-type"].startswith("text/javascript")
    assert script.headers["cross-origin-resource-policy"] == "cross-origin"
    demo = await site.client.get(f"{site.url}/push/demo")
    policy = demo.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'sha256-")
    assert "unsafe" not in policy

"""Server-sent events: what a page without a WebSocket gets, and what its user does there."""

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx

from jobrunner.services.records import remove
from tests.web.conftest import Site
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

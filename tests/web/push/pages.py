"""A page as a WebSocket client, without a browser."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed

from tests.web.conftest import Site


class Page:
    """One connection."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket

    async def say(self, **message: Any) -> None:
        await self.socket.send(json.dumps(message))

    async def hear(self) -> Any:
        """The popups of the next message."""
        return json.loads(await self.socket.recv())["popups"]

    async def end(self) -> int:
        """Wait for the close, whatever comes before, and return its code."""
        try:
            while True:
                await self.socket.recv()
        except ConnectionClosed:
            assert self.socket.close_code is not None
            return self.socket.close_code


@asynccontextmanager
async def page(site: Site, token: str | None = None, **options: Any) -> AsyncIterator[Page]:
    async with connect(f"ws://127.0.0.1:{site.port}/push/socket", proxy=None, **options) as socket:
        opened = Page(socket)
        if token is not None:
            await opened.say(token=token)
        yield opened

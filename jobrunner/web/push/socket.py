"""The WebSocket of a page (RFC 6455): first its token, then what its user does; and back, what it is to show.

page    {"token": "…"}                       daemon  {"popups": [{"id": 7, "seen": false, "name": "Budget", …}]}
        {"seen": [7]} {"dismiss": [7]}               {"error": "…"}
        {"snooze": 7, "minutes": 10}
"""

import asyncio
import json
import logging

from starlette.websockets import WebSocket, WebSocketDisconnect

from jobrunner.db.connection import TRANSIENT
from jobrunner.errors import InvalidInput, JobrunnerError
from jobrunner.web.push.actions import act, parse
from jobrunner.web.push.hub import MOST_VIEWERS, Hub
from jobrunner.web.push.origins import is_allowed
from jobrunner.web.push.tokens import PushTokens
from jobrunner.web.push.viewer import (
    MALFORMED,
    REFUSED,
    RESTART,
    SLOW,
    TOO_MANY,
    End,
    Ended,
    Viewer,
    serve_until_end,
)

TOKEN_LIMIT = 5.0
"""Seconds that a page has to say who it is for."""
SEND_LIMIT = 10.0
"""Seconds that a page may take to read what it was sent."""
ACTION_PAUSE = 0.02
"""Seconds between two things that a page asks for."""
MOST_STRANGERS = 50
"""Connections that have not said yet who they are for."""
AWAY = json.dumps({"error": "that could not be stored: please try again in a moment"})

log = logging.getLogger("jobrunner.web.push")


class PushSocket:
    """Serves the sockets of all pages."""

    def __init__(self, hub: Hub, tokens: PushTokens, site_origin: str | None) -> None:
        self._hub = hub
        self._tokens = tokens
        self._site_origin = site_origin
        self._strangers = 0

    async def serve(self, socket: WebSocket) -> None:
        """Serve one, until it ends."""
        allowed = (*self._hub.settings.push_allowed_origins, self._site_origin or "")
        full = self._strangers >= MOST_STRANGERS or self._hub.count >= MOST_VIEWERS or not self._hub.running
        if not is_allowed(socket, allowed) or full:
            await socket.close()  # before it is accepted: 403
            return
        await socket.accept()
        try:
            user = await self._introduce(socket)
            with self._hub.viewer(user) as viewer:
                await self._talk(socket, viewer)
        except Ended as ended:
            await _close(socket, ended.end)
        except (WebSocketDisconnect, RuntimeError):
            pass  # the page is gone

    async def _introduce(self, socket: WebSocket) -> str:
        """Return whose page it is.

        Raises:
            Ended: nobody knows.
        """
        self._strangers += 1
        try:
            async with asyncio.timeout(TOKEN_LIMIT):
                token = parse(await socket.receive_text()).get("token")
                user = await self._tokens.read(token) if isinstance(token, str) else None
        except (TimeoutError, InvalidInput, KeyError):
            raise Ended(REFUSED) from None
        except (*TRANSIENT, JobrunnerError) as error:
            log.warning("a page could not be told whose it is: %s", error)
            raise Ended(RESTART) from None
        finally:
            self._strangers -= 1
        if user is None:
            log.info("a page was refused: its token is forged or too old")
            raise Ended(REFUSED)
        return user

    async def _talk(self, socket: WebSocket, viewer: Viewer) -> None:
        """Send and hear until one of both ends, or the page has to bring a new token."""
        session = self._hub.settings.push_session * 60
        await serve_until_end(session, self._send(socket, viewer), self._hear(socket, viewer))

    async def _send(self, socket: WebSocket, viewer: Viewer) -> None:
        while True:
            # uvicorn's pings tell whether the page lives.
            popups = await viewer.next(3600)
            if popups is not None:
                await self._say(socket, f'{{"popups":{popups}}}')

    @staticmethod
    async def _say(socket: WebSocket, text: str) -> None:
        try:
            async with asyncio.timeout(SEND_LIMIT):
                await socket.send_text(text)
        except TimeoutError:
            raise Ended(SLOW) from None

    async def _hear(self, socket: WebSocket, viewer: Viewer) -> None:
        while True:
            try:
                await act(self._hub.connection, viewer.user, parse(await socket.receive_text()))
            except (InvalidInput, KeyError):
                raise Ended(MALFORMED) from None
            except TRANSIENT:
                await self._say(socket, AWAY)
            await asyncio.sleep(ACTION_PAUSE)


async def _close(socket: WebSocket, end: End) -> None:
    """Say why it ends, and cut the line of a page that does not read."""
    if end in (SLOW, TOO_MANY):
        log.info("a page was cut: %s", end.word)
    try:
        async with asyncio.timeout(0.1 if end is SLOW else 1.0):
            await socket.close(end.code, end.word)
    except (TimeoutError, RuntimeError, WebSocketDisconnect):
        socket.scope["state"]["abort"]()

"""Server-sent events (HTML, 9.2) for where a proxy lets no WebSocket pass, and the POST for what users do there.

Each event is all that the page is to show, so nothing need be resumed after a gap.
"""

import asyncio
import logging
from collections.abc import Mapping

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Message, Receive, Scope, Send

from jobrunner.db.connection import TRANSIENT
from jobrunner.errors import InvalidInput, JobrunnerError
from jobrunner.web.public.pages import COMMON_HEADERS
from jobrunner.web.push.actions import act, parse
from jobrunner.web.push.hub import Hub
from jobrunner.web.push.origins import cors_headers, is_allowed
from jobrunner.web.push.socket import SEND_LIMIT
from jobrunner.web.push.tokens import PushTokens
from jobrunner.web.push.viewer import SLOW, TOO_MANY, Ended, Viewer, serve_until_end

COMMENT_INTERVAL = 15.0
"""Seconds after which a comment is sent, so that proxies keep the stream, if nothing else is."""

log = logging.getLogger("jobrunner.web.push")


class EventStream(Response):
    """Sends what a page is to show, until the page is gone or the stream is to end."""

    def __init__(self, hub: Hub, user: str, headers: Mapping[str, str]) -> None:
        self._hub = hub
        self._user = user
        super().__init__(None, 200, {**headers, "X-Accel-Buffering": "no"}, "text/event-stream")
        self.raw_headers = [(name, value) for name, value in self.raw_headers if name != b"content-length"]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the stream, and cut the line of a page that does not read."""
        try:
            await self._serve(scope, receive, send)
        except Ended as ended:
            log.info("a page was cut: %s", ended.end.word)
            scope["state"]["abort"]()
            while (await receive())["type"] != "http.disconnect":
                pass

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send all there is, and why it ends.

        Raises:
            Ended: the page does not read.
        """
        began = False
        try:
            with self._hub.viewer(self._user) as viewer:
                await _send(send, {"type": "http.response.start", "status": 200, "headers": self.raw_headers})
                began = True
                await self._show(receive, send, viewer)
        except Ended as ended:
            if ended.end is SLOW:
                raise
            if began:
                await _say(send, f"event: end\ndata: {ended.end.code}\n\n", more=False)
            else:
                headers = {name: value for name, value in self.headers.items() if name != "content-type"}
                response = JSONResponse({"error": ended.end.word}, 429 if ended.end is TOO_MANY else 503, headers)
                await response(scope, receive, send)

    async def _show(self, receive: Receive, send: Send, viewer: Viewer) -> None:
        """Send until the page is gone, or has to bring a new token."""

        async def write() -> None:
            while True:
                popups = await viewer.next(COMMENT_INTERVAL)
                await _say(send, ":\n\n" if popups is None else f"event: popups\ndata: {popups}\n\n")

        async def listen() -> None:
            while (await receive())["type"] != "http.disconnect":
                pass

        await serve_until_end(self._hub.settings.push_session * 60, write(), listen())


async def _say(send: Send, text: str, *, more: bool = True) -> None:
    await _send(send, {"type": "http.response.body", "body": text.encode(), "more_body": more})


async def _send(send: Send, message: Message) -> None:
    try:
        async with asyncio.timeout(SEND_LIMIT):
            await send(message)
    except TimeoutError:
        raise Ended(SLOW) from None


class PushStream:
    """The routes of pages without a WebSocket."""

    def __init__(self, hub: Hub, tokens: PushTokens, site_origin: str | None) -> None:
        self._hub = hub
        self._tokens = tokens
        self._site_origin = site_origin

    async def preflight(self, request: Request) -> Response:
        """Tell a browser whether a page may ask."""
        if not self._is_allowed(request):
            return self._refuse(request, 403, "this origin may not: see the setting push_allowed_origins")
        return Response(status_code=204, headers={**COMMON_HEADERS, **cors_headers(request)})

    async def stream(self, request: Request) -> Response:
        """Begin a stream."""
        user = await self._user(request)
        if isinstance(user, Response):
            return user
        return EventStream(self._hub, user, {**COMMON_HEADERS, **cors_headers(request)})

    async def act(self, request: Request) -> Response:
        """Do what a user did."""
        user = await self._user(request)
        if isinstance(user, Response):
            return user
        try:
            await act(self._hub.connection, user, parse(await request.body()))
        except InvalidInput as error:
            return self._refuse(request, 422, str(error))
        except TRANSIENT:
            return self._refuse(request, 503, "that could not be stored: please try again in a moment")
        return Response(status_code=204, headers={**COMMON_HEADERS, **cors_headers(request)})

    async def _user(self, request: Request) -> str | Response:
        if not self._is_allowed(request):
            return self._refuse(request, 403, "this origin may not: see the setting push_allowed_origins")
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        try:
            user = await self._tokens.read(token) if scheme.lower() == "bearer" else None
        except (*TRANSIENT, JobrunnerError):
            return self._refuse(request, 503, "the database is away: please try again in a moment")
        return self._refuse(request, 401, "the token is forged or too old") if user is None else user

    def _is_allowed(self, request: Request) -> bool:
        return is_allowed(request, (*self._hub.settings.push_allowed_origins, self._site_origin or ""))

    def _refuse(self, request: Request, status: int, reason: str) -> Response:
        headers = {**COMMON_HEADERS, **(cors_headers(request) if self._is_allowed(request) else {"Vary": "Origin"})}
        if status == 401:
            headers["WWW-Authenticate"] = "Bearer"
        return JSONResponse({"error": reason}, status, headers)

"""The routes of popups: the connection of pages, the script that they load, and a page to try it on."""

import base64
import hashlib
from collections.abc import Awaitable, Callable
from functools import cache
from importlib.resources import files

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route, WebSocketRoute

from jobrunner.web.public.pages import COMMON_HEADERS
from jobrunner.web.push.hub import Hub
from jobrunner.web.push.origins import site_origin
from jobrunner.web.push.socket import PushSocket
from jobrunner.web.push.stream import PushStream
from jobrunner.web.push.tokens import PushTokens

SCRIPT_TYPE = "text/javascript; charset=utf-8"


def push_routes(hub: Hub, tokens: PushTokens, site_url: str) -> list[BaseRoute]:
    """Return the routes, all below `/push`."""
    origin = site_origin(site_url)
    socket, stream = PushSocket(hub, tokens, origin), PushStream(hub, tokens, origin)
    return [
        WebSocketRoute("/push/socket", socket.serve),
        Route("/push/stream", stream.stream, methods=["GET"]),
        Route("/push/popups", stream.act, methods=["POST"]),
        Route("/push/stream", stream.preflight, methods=["OPTIONS"]),
        Route("/push/popups", stream.preflight, methods=["OPTIONS"]),
        Route("/push/popups.js", _script("popups.js"), methods=["GET"]),
        Route("/push/demo.js", _script("demo.js"), methods=["GET"]),
        Route("/push/demo", _demo, methods=["GET"]),
    ]


def _script(name: str) -> Callable[[Request], Awaitable[Response]]:
    async def serve(request: Request) -> Response:
        # Anybody may load it, and compare its hash (`integrity`); it holds nothing of anybody.
        headers = {
            **COMMON_HEADERS,
            "Cache-Control": "public, max-age=300",
            "Access-Control-Allow-Origin": "*",
            "Cross-Origin-Resource-Policy": "cross-origin",
        }
        return Response(_file(name), media_type=SCRIPT_TYPE, headers=headers)

    return serve


async def _demo(request: Request) -> Response:
    style = _file("demo.css").decode()
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = (
        f"default-src 'none'; script-src 'self'; style-src 'sha256-{digest}'; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    html = _file("demo.html").decode().replace("{{ style }}", style)
    headers = {**COMMON_HEADERS, "Content-Security-Policy": policy}
    return Response(html, media_type="text/html; charset=utf-8", headers=headers)


@cache
def _file(name: str) -> bytes:
    return files(__package__).joinpath(name).read_bytes()

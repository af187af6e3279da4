"""The application: all routes, and what is said where there is none."""

from collections.abc import Callable, Sequence

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute

from jobrunner.db.connection import Connection
from jobrunner.db.secrets import Keyring
from jobrunner.services.mail.languages import words_in
from jobrunner.services.massmail.tracking import HitLog, TrackingUrls
from jobrunner.services.massmail.unsubscribe import Unsubscribing
from jobrunner.web.health import health_routes
from jobrunner.web.public.pages import COMMON_HEADERS, unknown_page
from jobrunner.web.public.routes import Public
from jobrunner.web.public.signed import SignedLinks
from jobrunner.web.public.words import LANGUAGES


def make_app(
    connection: Connection,
    keyring: Keyring,
    hits: HitLog,
    troubles: Callable[[], Sequence[str]],
    more_routes: Sequence[BaseRoute] = (),
) -> Starlette:
    """Return the application.

    Args:
        connection: of its own, for short statements only.
        keyring: opens the keys that have signed the links.
        hits: where opens and clicks are noted.
        troubles: names what does not work in this daemon, for `/readyz`.
        more_routes: of parts with a life of their own.
    """
    public = Public(SignedLinks(connection, keyring), Unsubscribing(connection), TrackingUrls(connection), hits)
    app = Starlette(
        routes=[*public.routes(), *health_routes(troubles), *more_routes],
        exception_handlers={HTTPException: _refused, Exception: _failed},
    )
    app.router.redirect_slashes = False  # it would lead to where the Host header says
    return app


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.status_code == 404:
        return unknown_page(words_in(LANGUAGES, request.headers.get("accept-language")))
    return PlainTextResponse(f"{error.detail}\n", error.status_code, {**COMMON_HEADERS, **(error.headers or {})})


async def _failed(request: Request, error: Exception) -> Response:
    """Say nothing of what went wrong; uvicorn logs it."""
    return PlainTextResponse("something went wrong here\n", 500, COMMON_HEADERS)

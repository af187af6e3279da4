"""The addresses of the public pages, and what each does."""

import logging
from collections.abc import Awaitable, Callable
from functools import wraps
from urllib.parse import parse_qs, quote, urlsplit

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from jobrunner.db.connection import TRANSIENT
from jobrunner.db.secrets import SecretUnreadable
from jobrunner.errors import ConfigurationError
from jobrunner.services.mail.languages import words_in
from jobrunner.services.massmail.links import CLICK, OPEN, UNSUBSCRIBE
from jobrunner.services.massmail.tokens import TokenKind
from jobrunner.services.massmail.tracking import HitLog, TrackingUrls
from jobrunner.services.massmail.unsubscribe import Subscription, Unsubscribing
from jobrunner.services.massmail.visitor import Visitor
from jobrunner.web.public import pages
from jobrunner.web.public.signed import SignedLinks
from jobrunner.web.public.words import LANGUAGES, Words

PIXEL = bytes.fromhex(
    "47494638396101000100800000000000ffffff21f90401000000002c00000000010001000002024401003b"
)  # fmt: skip
"""A transparent GIF of one pixel, 43 bytes."""

log = logging.getLogger("jobrunner.web")

Handler = Callable[["Public", Request], Awaitable[Response]]


def _later_in_trouble(handler: Handler) -> Handler:
    """Answer 503 while the database is away, or the key ring cannot be read: a mail program then asks again."""

    @wraps(handler)
    async def guarded(self: "Public", request: Request) -> Response:
        try:
            answer = await handler(self, request)
        except (*TRANSIENT, SecretUnreadable, ConfigurationError) as error:
            if not self._in_trouble:
                log.error("links in mails are answered with 503: %s", error)
            self._in_trouble = True
            return pages.later_page(_words(request))
        self._in_trouble = False
        return answer

    return guarded


class Public:
    """The public pages."""

    def __init__(self, links: SignedLinks, unsubscribing: Unsubscribing, urls: TrackingUrls, hits: HitLog) -> None:
        self._links = links
        self._unsubscribing = unsubscribing
        self._urls = urls
        self._hits = hits
        self._in_trouble = False
        """Said once, not for each request."""

    def routes(self) -> list[Route]:
        """Return the routes; HEAD comes with GET."""
        page = f"/{UNSUBSCRIBE}/{{token}}"
        return [
            Route(page, self.show_subscription, methods=["GET"]),
            Route(page, self.change_subscription, methods=["POST"]),
            Route(page, self.subscribe_again, methods=["DELETE"]),
            Route(f"/{OPEN}/{{token}}", self.show_pixel, methods=["GET"]),
            Route(f"/{CLICK}/{{token}}", self.follow, methods=["GET"]),
        ]

    @_later_in_trouble
    async def show_subscription(self, request: Request) -> Response:
        """Show how matters are, and a button. It changes nothing."""
        token = await self._links.read(request.path_params["token"], TokenKind.UNSUBSCRIBE)
        found = await self._unsubscribing.find(token.item) if token is not None else None
        return self._shown(request, found)

    @_later_in_trouble
    async def change_subscription(self, request: Request) -> Response:
        """Opt out: RFC 8058, or the button; or the other button takes it back. The token is all that it needs."""
        token = await self._links.read(request.path_params["token"], TokenKind.UNSUBSCRIBE)
        if token is None:
            return pages.unknown_page(_words(request))
        if _asks_to_return(await request.body()):
            return await self.subscribe_again(request)
        return self._shown(request, await self._unsubscribing.opt_out(token.item, _visitor(request)))

    @_later_in_trouble
    async def subscribe_again(self, request: Request) -> Response:
        """Take the opt-out back."""
        token = await self._links.read(request.path_params["token"], TokenKind.UNSUBSCRIBE)
        found = await self._unsubscribing.opt_in(token.item, _visitor(request)) if token is not None else None
        if found is not None and not found.opted_out:
            return pages.subscribed_page(_words(request, found), found)
        return self._shown(request, found)

    @_later_in_trouble
    async def show_pixel(self, request: Request) -> Response:
        """Answer the image at once, and note the open."""
        token = await self._links.read(request.path_params["token"], TokenKind.OPEN)
        if token is None:
            return pages.unknown_page(_words(request))
        if request.method == "HEAD":
            self._hits.note_look(token.item)
        else:
            self._hits.note(token.item, "Opened", _visitor(request))
        headers = {**pages.COMMON_HEADERS, "Cross-Origin-Resource-Policy": "cross-origin"}
        return Response(PIXEL, media_type="image/gif", headers=headers)

    @_later_in_trouble
    async def follow(self, request: Request) -> Response:
        """Lead on to the stored address, or show the stored message, and note the click."""
        token = await self._links.read(request.path_params["token"], TokenKind.CLICK)
        found = await self._urls.find(token.extra) if token is not None else None
        if token is None or found is None:
            return pages.unknown_page(_words(request))
        if request.method == "HEAD":
            self._hits.note_look(token.item)
        else:
            self._hits.note(token.item, "Clicked", _visitor(request), token.extra)
        if found.action == "Redirect" and found.url is not None:
            return RedirectResponse(ascii_url(found.url), 302, pages.COMMON_HEADERS)
        return pages.message_page(_words(request), found.message or "")

    @staticmethod
    def _shown(request: Request, found: Subscription | None) -> HTMLResponse:
        words = _words(request, found)
        if found is None:
            return pages.unknown_page(words)
        return (pages.unsubscribed_page if found.opted_out else pages.unsubscribe_page)(words, found)


def ascii_url(url: str) -> str:
    """Return a stored URL as a header can hold it."""
    scheme, netloc = urlsplit(url)[:2]
    rest = url[len(scheme) + len("://") + len(netloc) :]
    if not netloc.isascii():
        host, colon, port = netloc.partition(":")
        netloc = host.encode("idna").decode("ascii") + colon + port
    return f"{scheme}://{netloc}{quote(rest, safe=SAFE)}"


SAFE = "/?#[]@!$&'()*+,;=:%-._~"


def _asks_to_return(body: bytes) -> bool:
    """Whether it is the button to subscribe again; anything else, of whatever type, unsubscribes."""
    try:
        return parse_qs(body.decode("ascii")).get("subscribe") == ["again"]
    except ValueError:
        return False


def _words(request: Request, subscription: Subscription | None = None) -> Words:
    wish = request.headers.get("accept-language")
    return words_in(LANGUAGES, subscription.language if subscription is not None else None, wish)


def _visitor(request: Request) -> Visitor:
    headers = request.headers
    purpose = headers.get("sec-purpose") or headers.get("purpose") or headers.get("x-moz") or headers.get("x-purpose")
    return Visitor.of(request.client.host if request.client else None, headers.get("user-agent"), purpose)

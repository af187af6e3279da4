"""The one page, with what it says in each case."""

import base64
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup
from starlette.responses import HTMLResponse

from jobrunner.services.massmail.unsubscribe import Subscription
from jobrunner.web.public.words import Words

COMMON_HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex, nofollow",
    "X-Content-Type-Options": "nosniff",
}
"""Of every answer."""


@dataclass(frozen=True, slots=True)
class Button:
    """What the page asks for; it posts to the page's own address."""

    text: str
    name: str
    value: str
    hint: str = ""


def unsubscribe_page(words: Words, subscription: Subscription) -> HTMLResponse:
    """Ask whether somebody wants to leave; nothing has happened."""
    question = words.unsubscribe_entirely_question if subscription.entirely else words.unsubscribe_question
    button = Button(words.unsubscribe_button, "List-Unsubscribe", "One-Click")
    return _page(words, words.unsubscribe_title, [_with_address(question, subscription)], button=button)


def unsubscribed_page(words: Words, subscription: Subscription) -> HTMLResponse:
    """Say that nothing comes any more, and offer to take that back."""
    entirely = subscription.entirely or not subscription.can_return
    done = words.unsubscribed_entirely if entirely else words.unsubscribed
    button = Button(words.subscribe_button, "subscribe", "again", words.subscribe_hint)
    return _page(
        words,
        words.unsubscribed_title,
        [_with_address(done, subscription), words.delay],
        button=button if subscription.can_return else None,
    )


def subscribed_page(words: Words, subscription: Subscription) -> HTMLResponse:
    """Say that mails come again."""
    return _page(words, words.subscribed_title, [_with_address(words.subscribed, subscription)])


def unknown_page(words: Words) -> HTMLResponse:
    """Say that the link leads nowhere, whatever the reason is."""
    return _page(words, words.unknown_title, [words.unknown], status=404)


def later_page(words: Words) -> HTMLResponse:
    """Say that the database is away."""
    page = _page(words, words.later_title, [words.later], status=503)
    page.headers["Retry-After"] = "60"
    return page


def message_page(words: Words, message: str) -> HTMLResponse:
    """Show the message of a tracked link; it is text, whatever it looks like."""
    return _page(words, words.message_title, [part for part in message.replace("\r", "").split("\n\n") if part.strip()])


def hidden(address: str) -> str:
    """Return an address so that only who knows it knows it: `z***@example.org`."""
    local, _, domain = address.rpartition("@")
    return f"{local[:1]}***@{domain}"


def _with_address(sentence: str, subscription: Subscription) -> str:
    return sentence.format(address=hidden(subscription.email_address))


def _page(
    words: Words, title: str, paragraphs: Sequence[str], *, button: Button | None = None, status: int = 200
) -> HTMLResponse:
    template, style, policy = _parts()
    html = template.render(
        words=words, title=title, paragraphs=[text.split("\n") for text in paragraphs], button=button, style=style
    )
    headers = {**COMMON_HEADERS, "Content-Security-Policy": policy, "Content-Language": words.tag}
    return HTMLResponse(html, status, headers)


@cache
def _parts() -> tuple[Template, Markup, str]:
    """Return the template, the style sheet, and a policy that allows just this one and posting to ourselves."""
    environment = Environment(loader=PackageLoader(__package__, "."), autoescape=True, undefined=StrictUndefined)
    style = files(__package__).joinpath("page.css").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = (
        f"default-src 'none'; style-src 'sha256-{digest}'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )
    return environment.get_template("page.html"), Markup(style), policy  # noqa: S704 - our own file

"""What an answer means for a webhook."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Literal

from yarl import URL

from jobrunner.services.webhooks.http.reply import Reply

Meaning = Literal["success", "endpoint_fault", "content_fault", "gone", "guard"]
"""success: taken. endpoint_fault: nothing of this webhook gets through now, so it waits. content_fault: this one is
refused, others may pass. gone: nobody wants it any more (410). guard: an endpoint fault that we decide ourselves."""

CROWDED = 60.0
"""Seconds that are waited at least after a time-out and after 429."""
LONGEST_DELAY = 86_400.0
ENDPOINT_FAULTS = frozenset({401, 403, 404, 405, 408, 429})
"""Below 500: those that say nothing of what was sent."""
LONGEST_LOCATION = 200
SECONDS = re.compile(r"[0-9]+")


@dataclass(frozen=True, slots=True)
class Verdict:
    """The meaning of a reply."""

    meaning: Meaning
    reason: str
    """Words for a person, without a full stop; empty for a success."""
    minimum_delay: float = 0.0
    """Seconds before which nothing must be tried again, at most 24 hours."""
    too_large: bool = False
    """413: fewer at a time may pass."""


SUCCESS = Verdict("success", "")


def judge(reply: Reply) -> Verdict:
    """Return what a reply means."""
    if reply.error_kind == "guard":
        return Verdict("guard", reply.error or "its address is refused")
    if reply.status is None:
        delay = CROWDED if reply.error_kind == "timeout" else 0.0
        return Verdict("endpoint_fault", reply.error or "no answer", delay)
    status = reply.status
    if 200 <= status <= 299:
        return SUCCESS
    if status == 410:
        return Verdict("gone", "answered with 410: it is gone for good")
    delay = retry_after(reply.retry_after, reply.answered_at)
    if 300 <= status <= 399:
        return Verdict("endpoint_fault", _redirect(reply), delay)
    if 400 <= status <= 499 and status not in ENDPOINT_FAULTS:
        return Verdict("content_fault", f"answered with {status}", delay, too_large=status == 413)
    if status == 429:
        delay = max(delay, CROWDED)
    return Verdict("endpoint_fault", f"answered with {status}", delay)


def retry_after(value: str | None, now: datetime) -> float:
    """Return the seconds that a Retry-After header asks for, up to 24 hours; 0 for none, or one that is unreadable.

    RFC 9110, 10.2.3: whole seconds, or an HTTP date in any of its three forms (5.6.7).
    """
    if value is None:
        return 0.0
    text = value.strip()
    if SECONDS.fullmatch(text):
        return min(float(text), LONGEST_DELAY)
    try:
        date = parsedate_to_datetime(text)
        if date.tzinfo is None:
            date = date.replace(tzinfo=UTC)
        seconds = (date - now).total_seconds()
    except (ValueError, TypeError, OverflowError):
        return 0.0
    return min(max(seconds, 0.0), LONGEST_DELAY)


def _redirect(reply: Reply) -> str:
    if not reply.location:
        return f"answered with {reply.status}, a redirect, which is not followed"
    return f"answered with a redirect to {_place(reply.location)}; `jobrunner webhook test` shows the URL to set"


def _place(location: str) -> str:
    """Return scheme and host of a URL: the rest of it, a token say, is often that of the webhook's own, and secret."""
    text = "".join(letter if letter.isprintable() else " " for letter in location)
    try:
        url = URL(text)
        if not url.raw_host:
            return "another path"
        scheme = f"{url.scheme}:" if url.scheme else ""
        return f"{scheme}//{url.host_port_subcomponent}"[:LONGEST_LOCATION]
    except ValueError:
        return "what is no URL"

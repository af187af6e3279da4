"""Filters: which messages an account takes, and where a user finds them (mail-in.md, 5).

All conditions that are filled in must hold; a filter with none never matches. In patterns `*` stands for any run of
characters and nothing else is special. The first filter that matches ends the search.
"""

import asyncio
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from jobrunner.db.queryable import Queryable
from jobrunner.db.sql import load
from jobrunner.services.mail.importing.parsing import ParsedMail
from jobrunner.services.mail.importing.storing.outcome import AccountRef

LIST_ACCOUNT_FILTERS = load(__package__, "list_account_filters")
LIST_USER_FILTERS = load(__package__, "list_user_filters")

ORDER = {"Skip": 0, "Move to Folder": 1, "Move to Group Folder": 1, "None": 2}


@dataclass(frozen=True, slots=True)
class Filter:
    """One filter."""

    id: int
    name: str
    action: str
    """Skip, Move to Folder, Move to Group Folder or None."""
    sender: str | None = None
    recipient: str | None = None
    subject: str | None = None
    body_contains: tuple[str, ...] = ()
    body_contains_all: tuple[str, ...] = ()
    user_id: str | None = None
    folder_id: int | None = None
    group_folder_id: int | None = None
    mark_as_read: bool = False
    skip_notification: bool = False

    @property
    def looks_at_body(self) -> bool:
        """Whether it cannot be judged by the header alone."""
        return any(self.body_contains) or any(self.body_contains_all)

    def matches(self, mail: ParsedMail, bodies: Sequence[str] | None = None) -> bool:
        """Return whether all conditions hold.

        `bodies` is what `folded` returns of the mail, where several filters are tried.
        """
        conditions = [
            *([any(like(self.sender, a.address) for a in mail.sender)] if self.sender else []),
            *([any(like(self.recipient, a.address) for a in mail.to)] if self.recipient else []),
            *([like(self.subject, mail.subject)] if self.subject else []),
        ]
        if self.looks_at_body:
            conditions.append(self._body_matches(folded(mail) if bodies is None else bodies))
        return bool(conditions) and all(conditions)

    def _body_matches(self, bodies: Sequence[str]) -> bool:
        def holds(phrase: str) -> bool:
            return any(phrase.casefold() in body for body in bodies)

        some, every = [p for p in self.body_contains if p], [p for p in self.body_contains_all if p]
        return (not some or any(map(holds, some))) and all(map(holds, every))


def folded(mail: ParsedMail) -> list[str]:
    """Return text and HTML of a mail without regard to case."""
    return [mail.text.casefold(), (mail.html or "").casefold()]


def like(pattern: str, text: str) -> bool:
    """Return whether a text is like a pattern, whatever its case. Each character is looked at once."""
    first, *others = pattern.casefold().split("*")
    text = text.casefold()
    if not others:
        return text == first
    *middle, last = others
    if not text.startswith(first) or not text.endswith(last) or len(text) < len(first) + len(last):
        return False
    position, end = len(first), len(text) - len(last)
    for piece in middle:
        found = text.find(piece, position, end)
        if found < 0:
            return False
        position = found + len(piece)
    return True


def first_match(filters: Sequence[Filter], mail: ParsedMail) -> Filter | None:
    """Return the filter that decides, or None."""
    bodies = folded(mail) if any(filter.looks_at_body for filter in filters) else None
    return next((filter for filter in filters if filter.matches(mail, bodies)), None)


async def decide(filters: Sequence[Filter], mails: Sequence[ParsedMail]) -> list[Filter | None]:
    """Return for each mail the filter that decides; in a thread, since there may be many, and long texts."""
    if not filters:
        return [None] * len(mails)
    return await asyncio.to_thread(lambda: [first_match(filters, mail) for mail in mails])


async def account_filters(connection: Queryable, account: AccountRef) -> list[Filter]:
    """Return the filters of an account and the global ones, in the order in which they are tried."""
    rows = await connection.fetch(LIST_ACCOUNT_FILTERS, account.kind, account.id)
    return _in_order(_filter(row) for row in rows)


async def user_filters(connection: Queryable, user_ids: Sequence[str]) -> dict[str, list[Filter]]:
    """Return the filters of each user that has some, in the order in which they are tried."""
    rows = await connection.fetch(LIST_USER_FILTERS, list(user_ids))
    found: dict[str, list[Filter]] = {}
    for row in rows:
        found.setdefault(row["user_id"], []).append(_filter(row))
    return {user: _in_order(filters) for user, filters in found.items()}


def _in_order(filters: Iterable[Filter]) -> list[Filter]:
    return sorted(filters, key=lambda filter: (ORDER[filter.action], filter.id))


def _filter(row: Any) -> Filter:
    phrases = {name: tuple(row[name]) for name in ("body_contains", "body_contains_all")}
    return Filter(**{**dict(row), **phrases})

"""Breakers: what shows that a mailing must not go on as it is, before much harm is done."""

from collections import deque
from collections.abc import Iterable
from typing import Any, NamedTuple

from jobrunner.services.mail.smtp import Outcome, Phase, Result
from jobrunner.services.mail.smtp.outcome import judge

LOCAL_WINDOW = 10
"""The first items, which must not all fail on our side, nor all be refused."""
LEAST_REFUSED = 3
"""Of fewer items than that: so many, all of them refused, are no chance."""
BOUNCE_WINDOW = 200
BOUNCE_SHARE = 0.20
REFUSAL_WINDOW = 100
REFUSAL_SHARE = 0.50


class Mark(NamedTuple):
    """Of one item."""

    hard: bool = False
    """A bad address."""
    blocked: bool = False
    """Refused by policy (5.7.x)."""
    local: bool = False
    """It failed on our side."""
    refused: bool = False
    """Refused for whatever reason, a bad address as well."""


class Breakers:
    """The breakers of one mailing. `note` returns why it is to be paused, if it is."""

    def __init__(self, rows: Iterable[Any] = (), *, is_resumed: bool = False) -> None:
        """Prepare them.

        Args:
            rows: what became of the last items of earlier runs, newest first (`read_outcomes`); of a mailing that was
                resumed, those since then.
            is_resumed: whether a person has let it go on: then it is paused sooner.
        """
        marks = [_mark_of_row(row) for row in rows]
        self._marks: deque[Mark] = deque(reversed(marks), maxlen=BOUNCE_WINDOW)
        self._beginning = len(marks) < LOCAL_WINDOW and all(mark.local for mark in marks)
        self._only_refused = len(marks) < LOCAL_WINDOW and all(mark.refused for mark in marks)
        self._is_resumed = is_resumed
        self._refused: str | None = None
        """The last refusal of this run."""

    def note(self, result: Result) -> str | None:
        """Take account of one result of an item that is finished, or that concerns the mailing."""
        match result.outcome:
            case Outcome.SENDER_REFUSED:
                return f"the mail server refuses the sender: {result}"
            case Outcome.POLICY:
                return (
                    "a receiver demands another set-up of the sender (SPF, DKIM, DMARC, PTR or TLS), and would refuse "
                    f"the next mails, too: {result}"
                )
        if result.outcome is not Outcome.ACCEPTED and not result.final:
            return None
        mark = _mark(result)
        self._marks.append(mark)
        return (
            self._first_fail_locally(result)
            or self._first_are_refused(result)
            or (self._half_are_refused(result) if self._is_resumed and mark.refused else None)
            or (self._too_many() if any(mark) else None)
        )

    def at_end(self) -> str | None:
        """Return why one of which nothing is left must not count as complete: it is short, and all was refused."""
        number = len(self._marks)
        if self._only_refused and self._refused is not None and LEAST_REFUSED <= number < LOCAL_WINDOW:
            return f"all {number} mails were refused, the last: {self._refused}"
        return None

    def _first_fail_locally(self, result: Result) -> str | None:
        self._beginning = self._beginning and result.outcome is Outcome.LOCAL
        if self._beginning and len(self._marks) >= LOCAL_WINDOW:
            return f"the first {LOCAL_WINDOW} mails could not be written, the last: {result}"
        return None

    def _first_are_refused(self, result: Result) -> str | None:
        self._only_refused = self._only_refused and result.outcome in (Outcome.REFUSED, Outcome.BAD_ADDRESS)
        if not self._only_refused:
            return None
        self._refused = str(result)
        if len(self._marks) >= LOCAL_WINDOW:
            return f"the first {LOCAL_WINDOW} mails were all refused, the last: {result}"
        return None

    def _half_are_refused(self, result: Result) -> str | None:
        """Where a person let it go on: whatever had paused it may be there still, and no full window is waited for."""
        last = list(self._marks)[-REFUSAL_WINDOW:]
        refused = sum(mark.refused for mark in last)
        if len(last) < LOCAL_WINDOW or refused < REFUSAL_SHARE * len(last):
            return None
        which = f"the last {REFUSAL_WINDOW}" if len(self._marks) > REFUSAL_WINDOW else f"the {len(last)}"
        return f"{refused} of {which} mails since it was let go on were refused, the last: {result}"

    def _too_many(self) -> str | None:
        if len(self._marks) == BOUNCE_WINDOW:
            bounced = sum(mark.hard for mark in self._marks)
            if bounced >= BOUNCE_SHARE * BOUNCE_WINDOW:
                return (
                    f"{bounced} of the last {BOUNCE_WINDOW} addresses do not exist: the lists are old, or were bought"
                )
        if len(self._marks) >= REFUSAL_WINDOW:
            last = list(self._marks)[-REFUSAL_WINDOW:]
            refused = sum(mark.blocked for mark in last)
            if refused >= REFUSAL_SHARE * REFUSAL_WINDOW:
                return f"{refused} of the last {REFUSAL_WINDOW} mails were refused by policy (5.7.x)"
        return None


def _mark(result: Result) -> Mark:
    hard, refused = result.outcome is Outcome.BAD_ADDRESS, result.outcome is Outcome.REFUSED
    blocked = refused and (result.enhanced or "").startswith("5.7.")
    return Mark(hard, blocked, result.outcome is Outcome.LOCAL, hard or refused)


def _mark_of_row(row: Any) -> Mark:
    if row["status"] != "Failed":
        return Mark()
    if row["code"] is None:
        return Mark(local=True)
    return _mark(judge(Phase.RCPT, row["code"], row["reply"] or ""))._replace(refused=True)

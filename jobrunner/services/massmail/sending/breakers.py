"""Breakers: what shows that a mailing must not go on as it is, before much harm is done."""

from collections import deque
from collections.abc import Iterable
from typing import Any

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

Mark = tuple[bool, bool, bool]
"""Of one item: a bad address, refused with 5.7.x, failed on our side."""


class Breakers:
    """The breakers of one mailing. `note` returns why it is to be paused, if it is."""

    def __init__(self, rows: Iterable[Any] = ()) -> None:
        """`rows`: what became of the last items of earlier runs, newest first (`read_outcomes`)."""
        rows = list(rows)
        marks = [_mark_of_row(row) for row in rows]
        self._marks: deque[Mark] = deque(reversed(marks), maxlen=BOUNCE_WINDOW)
        self._beginning = len(marks) < LOCAL_WINDOW and all(local for _, _, local in marks)
        self._only_refused = len(marks) < LOCAL_WINDOW and all(_is_refused(row) for row in rows)
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

    def _too_many(self) -> str | None:
        if len(self._marks) == BOUNCE_WINDOW:
            bounced = sum(hard for hard, _, _ in self._marks)
            if bounced >= BOUNCE_SHARE * BOUNCE_WINDOW:
                return (
                    f"{bounced} of the last {BOUNCE_WINDOW} addresses do not exist: the lists are old, or were bought"
                )
        if len(self._marks) >= REFUSAL_WINDOW:
            last = list(self._marks)[-REFUSAL_WINDOW:]
            refused = sum(blocked for _, blocked, _ in last)
            if refused >= REFUSAL_SHARE * REFUSAL_WINDOW:
                return f"{refused} of the last {REFUSAL_WINDOW} mails were refused by policy (5.7.x)"
        return None


def _mark(result: Result) -> Mark:
    blocked = result.outcome is Outcome.REFUSED and (result.enhanced or "").startswith("5.7.")
    return result.outcome is Outcome.BAD_ADDRESS, blocked, result.outcome is Outcome.LOCAL


def _mark_of_row(row: Any) -> Mark:
    if row["status"] != "Failed":
        return False, False, False
    if row["code"] is None:
        return False, False, True
    return _mark(judge(Phase.RCPT, row["code"], row["reply"] or ""))


def _is_refused(row: Any) -> bool:
    return row["status"] == "Failed" and row["code"] is not None

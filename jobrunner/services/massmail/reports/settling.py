"""What a report means for its item, the log of its campaign, and the address."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from jobrunner.db.sql import load
from jobrunner.services.massmail.sending.breakers import BOUNCE_SHARE, BOUNCE_WINDOW
from jobrunner.services.massmail.unsubscribe import opt_out
from jobrunner.services.massmail.visitor import Visitor
from jobrunner.services.records.addresses import mark_invalid

SETTLE_UNCERTAIN = load("jobrunner.services.massmail", "settle_uncertain_items")
TAKE_REPORT = load(__package__, "take_report")
SETTLE_ITEM = load(__package__, "settle_item")
LOG_BOUNCE = load(__package__, "log_bounce")
COUNT_SOFT_BOUNCES = load(__package__, "count_soft_bounces")
PAUSE_BOUNCED_MAILING = load(__package__, "pause_bounced_mailing")

SOFT_LIMIT = 3
"""Soft bounces of one address after which it is invalid,"""
SOFT_PERIOD = timedelta(days=14)
"""so many within this time."""
SILENCE = timedelta(days=5)
"""As long as servers try to deliver: a mail of which nothing was heard since has arrived."""
AGENTS = {"Complaint": "complaint (RFC 5965)", "Unsubscribe": "mail to List-Unsubscribe"}
WAYS = {"Complaint": "a complaint", "Unsubscribe": "a mail"}


@dataclass(frozen=True, slots=True)
class Settled:
    """What was written."""

    kind: str
    queue_item_id: int
    verdict: str | None
    """As it counts: the third soft one is hard."""
    is_invalid_now: bool = False
    """By this report the address became invalid."""
    opted_out: bool = False
    paused: "Paused | None" = None
    """Too many mails of its mailing came back."""

    def as_dict(self) -> dict[str, Any]:
        """Return what stands in the job's result."""
        return {
            "kind": self.kind,
            "queue_item_id": self.queue_item_id,
            "verdict": self.verdict,
            "address_became_invalid": self.is_invalid_now,
            "opted_out": self.opted_out,
            "paused": None if self.paused is None else self.paused.name,
        }


@dataclass(frozen=True, slots=True)
class Paused:
    """A mass e-mail that was paused, for its owner to be told."""

    name: str
    owner: str
    reason: str


async def settle_report(connection: Any, report_id: int) -> Settled | None:
    """Write a report to item, log and address, once; None where that was done before.

    `connection` is one of asyncpg in a transaction: all of it is committed with that, or nothing.
    """
    rows = await connection.fetch(TAKE_REPORT, report_id)
    if not rows:
        return None
    report = rows[0]
    # Whatever it says: it speaks of a mail that the mail server had.
    await connection.fetch(SETTLE_UNCERTAIN, [report["token"]], "it was in doubt until a report of it came")
    match report["kind"]:
        case "Bounce":
            return await _settle_bounce(connection, report)
        case "Complaint" | "Unsubscribe" as kind:
            subscription = await opt_out(connection, report["token"], Visitor(AGENTS[kind]), WAYS[kind])
            return Settled(kind, report["queue_item_id"], None, opted_out=subscription is not None)
    return Settled(report["kind"], report["queue_item_id"], None)


async def _settle_bounce(connection: Any, report: Any) -> Settled:
    address, verdict = report["address_key"], report["verdict"]
    said = f"it came back: {report['diagnostic'] or report['enhanced_code'] or 'no reason was given'}"
    await connection.fetch(SETTLE_ITEM, report["queue_item_id"], said, report["enhanced_code"])
    reason = said
    if verdict == "soft":
        (counted,) = await connection.fetch(COUNT_SOFT_BOUNCES, address, SOFT_PERIOD, SILENCE)
        if counted["bounces"] >= SOFT_LIMIT:
            verdict = "hard"
            reason = f"{counted['bounces']} mails within {SOFT_PERIOD.days} days came back, the last: {said}"
    await connection.fetch(LOG_BOUNCE, report["token"], "Hard" if verdict == "hard" else "Soft")
    if verdict != "hard":
        return Settled("Bounce", report["queue_item_id"], verdict)
    is_invalid_now = await mark_invalid(connection, address, reason)
    return Settled("Bounce", report["queue_item_id"], verdict, is_invalid_now, paused=await _pause(connection, report))


async def _pause(connection: Any, report: Any) -> Paused | None:
    """Pause the mailing where too many of its mails came back: as by what the dialogue says of addresses."""
    most = round(BOUNCE_SHARE * BOUNCE_WINDOW)
    reason = (
        f"{most} of {BOUNCE_WINDOW} mails came back from addresses that do not exist: the lists are old, or were bought"
    )
    rows = await connection.fetch(PAUSE_BOUNCED_MAILING, report["queue_item_id"], BOUNCE_WINDOW, most, reason)
    return Paused(*rows[0].values()) if rows else None

"""Marks of automatic mail: what must open no case and get no answer (RFC 3834 and what is customary)."""

import re

from jobrunner.services.mail.importing.parsing.entity import Entity
from jobrunner.services.mail.importing.parsing.ids import BRACKETED
from jobrunner.services.mail.importing.parsing.parsed import MailAddress, Marks
from jobrunner.services.mail.importing.parsing.words import header_text, one_line

BULK = frozenset({"bulk", "list", "junk", "auto_reply"})
SUPPRESSING = frozenset({"all", "autoreply", "oof"})
MACHINES = re.compile(
    r"mailer-daemon|postmaster|no-?_?\.?reply|do-?_?\.?not-?_?\.?reply|owner-.*|.*-request|.*-bounces|.*-owner|bounces?"
)
"""Local parts that no person reads."""


def read_marks(root: Entity, sender: tuple[MailAddress, ...]) -> Marks:
    """Return the marks that a message bears."""
    submitted = _word(root, "auto-submitted")
    is_auto_reply = (
        root.first("x-autoreply") is not None or root.first("x-autorespond") is not None or submitted == "auto-replied"
    )
    is_automatic = is_auto_reply or submitted not in ("", "no") or _is_report(root)
    return_path = read_return_path(root)
    reasons = list(_reasons(root, submitted, return_path, is_auto_reply))
    reasons += [f"it is from {address.address[:100]}" for address in sender[:10] if is_machine(address.address)]
    if not any(address.key for address in sender):
        reasons.append("it is from no address")
    return Marks(is_auto_reply, is_automatic, tuple(reasons), return_path)


def is_machine(address: str) -> bool:
    """Return whether no person reads what is sent to an address; a detail (`bounces+x@…`) makes no difference."""
    local = (address.rpartition("@")[0] or address).lower()
    return MACHINES.fullmatch(local) is not None or MACHINES.fullmatch(local.partition("+")[0]) is not None


def is_daemon(sender: tuple[MailAddress, ...]) -> bool:
    """Return whether a mail server speaks."""
    return any(
        (address.address.rpartition("@")[0] or address.address).lower() in ("mailer-daemon", "postmaster")
        for address in sender[:10]
    )


def read_return_path(root: Entity) -> str | None:
    """Return the envelope's sender as the last server noted it; empty for none, None where none was noted."""
    raw = root.first("return-path")
    if raw is None:
        return None
    text = one_line(header_text(raw))
    match = BRACKETED.search(text)
    return (match[1].strip() if match else text.strip("<> "))[:320]


def _reasons(root: Entity, submitted: str, return_path: str | None, is_auto_reply: bool) -> list[str]:
    reasons = []
    if submitted not in ("", "no"):
        reasons.append(f"Auto-Submitted is {submitted[:50]}")
    elif is_auto_reply:
        reasons.append("it is an automatic answer")
    if return_path == "":
        reasons.append("its return path is empty")
    lists = sorted({name for name, _ in root.fields if name.startswith("list-")})
    if lists:
        reasons.append(f"it came over a list ({lists[0]})")
    if (precedence := _word(root, "precedence")) in BULK:
        reasons.append(f"Precedence is {precedence}")
    suppressed = ",".join(_text(raw) for raw in root.every("x-auto-response-suppress")).lower()
    if SUPPRESSING & set(suppressed.replace(" ", "").split(",")):
        reasons.append("X-Auto-Response-Suppress asks for none")
    reasons += [f"it has {name.title()}" for name in ("x-loop", "feedback-id") if root.first(name) is not None]
    if _is_report(root):
        reasons.append("it is a report")
    return reasons


def _is_report(root: Entity) -> bool:
    return root.content_type.value == "multipart/report"


def _word(root: Entity, name: str) -> str:
    raw = root.first(name)
    return "" if raw is None else _text(raw).partition(";")[0].partition("(")[0].strip().lower()


def _text(raw: bytes) -> str:
    return one_line(header_text(raw[:1000]))

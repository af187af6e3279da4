"""Reports of what became of a mail: of delivery (RFC 3464, RFC 6533), complaints (RFC 5965), and those in free text.

Here is only read what they say. Whether they are about a mail of ours is for whoever sent it to check: the tokens,
which are signed, then what stands in the returned header, then the address with the returned Message-ID.
"""

import re
from collections.abc import Iterable

from jobrunner.services.mail.importing.parsing.automatic import is_daemon
from jobrunner.services.mail.importing.parsing.entity import Entity, read_fields
from jobrunner.services.mail.importing.parsing.ids import read_ids
from jobrunner.services.mail.importing.parsing.limits import DEFAULT, TooMuch
from jobrunner.services.mail.importing.parsing.parsed import Bounce, BounceRecipient, MailAddress, Marks, Verdict
from jobrunner.services.mail.importing.parsing.words import header_text, one_line

STATUS_TYPES = ("message/delivery-status", "message/global-delivery-status")
RETURNED_TYPES = ("message/rfc822", "message/global", "text/rfc822-headers", "message/global-headers")
REPORT_OCTETS = 256 * 1024
TEXT_LENGTH = 64 * 1024
MOST_RECIPIENTS = 500
MOST_TOKENS = 50

STATUS = re.compile(r"\b([245])\.(\d{1,3})\.(\d{1,3})\b")
WITH_CODE = re.compile(r"\b[45]\d\d[ -]#?([245]\.\d{1,3}\.\d{1,3})\b")
BARE_CODE = re.compile(r"\b([45]\d\d)\b")
BLOCKS = re.compile(rb"(?:\r?\n[ \t]*)+(?:\r?\n)")
TOKEN = re.compile(r"(?<![a-z0-9])[a-z2-7]{30,110}(?![a-z0-9])")

HARD = frozenset({"5.0.0", "5.1.0", "5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10", "5.2.1", "5.4.1", "5.4.4"})
NO_MAILBOX = frozenset({"550", "551", "553"})
SOFT = frozenset({"5.2.2", "5.2.3", "5.3.4"})
POLICY = re.compile(r"\b(?:blocked|spam|blacklist(?:ed)?|block ?list(?:ed)?|rate|spf|dkim|dmarc)\b", re.IGNORECASE)
TRANSPORT = re.compile(r"timed?[ -]?out|connection|unreachable|network|no route|temporar|try again", re.IGNORECASE)
UNKNOWN_USER = re.compile(
    r"user unknown|unknown user|no such user|does not exist|doesn't exist|mailbox unavailable|address rejected"
    r"|no mailbox|no such recipient|recipient not found|unknown recipient",
    re.IGNORECASE,
)
QMAIL = "This is the qmail-send program at"
QMAIL_BLOCK = re.compile(r"^<([^<>\s]+@[^<>\s]+)>:[ \t]*\n((?:[^\n]*\S[^\n]*\n?)*)", re.MULTILINE)
COPY = re.compile(
    r"^--- Below this line is a copy of the message\.$"
    r"|^-+ This is a copy of (?:the|your) message,? including all (?:the )?headers\.? -+$"
    r"|^-+ This is a copy of the message's headers\.? -+$",
    re.MULTILINE,
)
"""Below it qmail and Exim return the message, or its header, within the text."""
EXIM = "created automatically by mail delivery software"
PHRASES = re.compile(
    r"did not reach the following recipient|could not be delivered|delivery status notification \(failure\)"
    r"|undeliverable:|returned mail: see transcript|undelivered mail returned|delivery (?:has )?failed",
    re.IGNORECASE,
)
ADDRESS = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~.-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,10}")


def read_bounce(
    root: Entity,
    *,
    subject: str,
    text: str,
    sender: tuple[MailAddress, ...],
    marks: Marks,
    reached: tuple[str, ...],
) -> Bounce | None:
    """Return what a message reports, or None where it is no report.

    `reached` are the addresses of the mailbox that it came to, which may carry a token.
    """
    leaves = list(root.leaves())
    kind, recipients = _of_report(root, leaves)
    if kind is None and (is_daemon(sender) or marks.return_path == ""):
        failed = _of_text(root, subject, text[:TEXT_LENGTH])
        kind, recipients = ("text", failed) if failed is not None else (None, [])
    if kind is None:
        return None
    returned = [field for leaf in leaves if (field := _returned_header(leaf)) is not None]
    if kind == "text" and not returned:
        returned = [header for header in [_header_in_text(text[:TEXT_LENGTH])] if header is not None]
    return Bounce(
        kind,  # type: ignore[arg-type]
        tuple(recipients[:MOST_RECIPIENTS]),
        tokens_in(reached),
        _envelope_ids(leaves),
        _distinct(_text(raw)[:64] for header in returned for raw in header.every("x-queue-item-id")),
        _distinct(id for header in returned for id in read_ids(header.every("message-id")[:1])),
    )


def tokens_in(addresses: tuple[str, ...]) -> tuple[str, ...]:
    """Return the words before the @ of each address that may be signed tokens (base32, in any case)."""
    found: dict[str, None] = {}
    for address in addresses[:200]:
        found |= dict.fromkeys(TOKEN.findall(address.rpartition("@")[0].lower()))
    return tuple(found)[:MOST_TOKENS]


def judge(status: str | None, diagnostic: str) -> Verdict:
    """Return what a failure means for the address: by its enhanced code (RFC 3463), else by reply code and words."""
    if status is not None and STATUS.fullmatch(status):
        if status.startswith("4."):
            return "soft"
        if status.startswith("5.7."):
            return "policy"
        if status in SOFT:
            return "soft"
        if status not in ("5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10") and POLICY.search(diagnostic):
            return "policy"
        if status in ("5.0.0", "5.4.1", "5.4.4"):
            return "soft" if status != "5.0.0" and TRANSPORT.search(diagnostic) else "hard"
        return "hard" if status in HARD else "soft"
    if POLICY.search(diagnostic):
        return "policy"
    codes = BARE_CODE.findall(diagnostic)
    if not NO_MAILBOX.isdisjoint(codes) and UNKNOWN_USER.search(diagnostic):
        return "hard"
    return "soft"


def _of_report(root: Entity, leaves: list[Entity]) -> tuple[str | None, list[BounceRecipient]]:
    is_report = root.content_type.value == "multipart/report"
    wanted = root.content_type.parameters.get("report-type", "").lower()
    kinds = {leaf.content_type.value for leaf in leaves}
    if is_report and (wanted == "disposition-notification" or "message/disposition-notification" in kinds):
        return "receipt", []
    if is_report and (wanted == "feedback-report" or "message/feedback-report" in kinds):
        return "complaint", []
    statuses = [leaf for leaf in leaves if leaf.content_type.value in STATUS_TYPES]
    if not is_report or not statuses:
        return None, []
    return "report", [recipient for leaf in statuses for recipient in _of_blocks(leaf)]


def _of_blocks(leaf: Entity) -> list[BounceRecipient]:
    """Read the blocks of a status: that of the message, then one for each recipient. A lazy sender has only one."""
    blocks = BLOCKS.split(leaf.content(REPORT_OCTETS).strip(b"\r\n"))
    recipients = []
    for block in blocks[: MOST_RECIPIENTS + 1]:
        fields = read_fields(block)
        final = _address(fields.first("final-recipient"))
        if final is None:
            continue
        action = _text(fields.first("action")).lower().split(" ")[0]
        match = STATUS.search(_text(fields.first("status")))
        status = match[0] if match else None
        diagnostic = _text(fields.first("diagnostic-code"))
        code = _diagnosed(diagnostic)
        if status is None or (status.endswith(".0.0") and code is not None and code[0] == status[0]):
            status = code or status  # what the server itself said is more precise
        verdict = judge(status, diagnostic) if action == "failed" else None
        recipients.append(
            BounceRecipient(
                final, _address(fields.first("original-recipient")), action, status, diagnostic[:1000], verdict
            )
        )
    return recipients


def _diagnosed(diagnostic: str) -> str | None:
    match = WITH_CODE.search(diagnostic)
    return match[1] if match else None


def _of_text(root: Entity, subject: str, text: str) -> list[BounceRecipient] | None:
    """Read a report in free text: qmail's, Exim's, or one that is known by its words."""
    text = text.replace("\r\n", "\n")
    if QMAIL in text:
        return [_failed(match[1], one_line(match[2])) for match in QMAIL_BLOCK.finditer(text)]
    named = [
        address for raw in root.every("x-failed-recipients") for address in ADDRESS.findall(_text(raw, TEXT_LENGTH))
    ]
    if named or EXIM in text:
        return [_failed(address, _around(text, address)) for address in dict.fromkeys(named)] or _by_code(text)
    if PHRASES.search(subject) or PHRASES.search(text):
        return _by_code(text)
    return None


def _by_code(text: str) -> list[BounceRecipient]:
    """Return the addresses on lines with a code of failure, or beside them; without any, the first address at all."""
    lines = text.split("\n")[:500]
    for number, line in enumerate(lines):
        if WITH_CODE.search(line) or (BARE_CODE.search(line) and UNKNOWN_USER.search(line)):
            near = " ".join(lines[max(0, number - 3) : number + 2])
            if (address := ADDRESS.search(near)) is not None:
                return [_failed(address[0], one_line(line))]
    address = ADDRESS.search(text)
    return [_failed(address[0], one_line(text[:500]))] if address else []


def _failed(address: str, diagnostic: str) -> BounceRecipient:
    status = _diagnosed(diagnostic)
    if status is None and (match := re.search(r"#([245]\.\d{1,3}\.\d{1,3})\b", diagnostic)) is not None:
        status = match[1]  # qmail: "(#5.1.1)"
    return BounceRecipient(address[:320], None, "failed", status, diagnostic[:1000], judge(status, diagnostic))


def _around(text: str, address: str) -> str:
    place = text.find(address)
    return one_line(text[place : place + 600]) if place >= 0 else one_line(text[:600])


def _returned_header(leaf: Entity) -> Entity | None:
    """Return the header of a returned message; what stands in its body may be written by anybody."""
    if leaf.content_type.value not in RETURNED_TYPES:
        return None
    try:
        return read_fields(leaf.content(DEFAULT.header))
    except TooMuch:
        return None


def _header_in_text(text: str) -> Entity | None:
    """Return the header of the message that qmail and Exim put below a line of their own."""
    found = COPY.search(text.replace("\r\n", "\n"))
    if found is None:
        return None
    header = text.replace("\r\n", "\n")[found.end() :].lstrip("\n").partition("\n\n")[0]
    try:
        return read_fields(header.replace("\n", "\r\n").encode("utf-8", "surrogateescape") + b"\r\n")
    except TooMuch:
        return None


def _envelope_ids(leaves: list[Entity]) -> tuple[str, ...]:
    """Return Original-Envelope-Id of the blocks about messages (RFC 3464, 2.2.1)."""
    found: list[str] = []
    for leaf in leaves:
        if leaf.content_type.value in STATUS_TYPES or leaf.content_type.value == "message/feedback-report":
            block = BLOCKS.split(leaf.content(REPORT_OCTETS).strip(b"\r\n"))[0]
            found += [_text(raw)[:100] for raw in read_fields(block).every("original-envelope-id")]
    return _distinct(found)


def _distinct(found: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(one for one in found if one))[:10]


def _address(raw: bytes | None) -> str | None:
    """Return the address of `type; address`, or None."""
    if raw is None:
        return None
    text = _text(raw)
    address = text.partition(";")[2].strip() if ";" in text else text
    return address.strip("<> ")[:320] or None


def _text(raw: bytes | None, most: int = 4000) -> str:
    return "" if raw is None else one_line(header_text(raw[:most]))

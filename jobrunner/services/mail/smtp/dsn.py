"""Parameters that ask for notifications of delivery (RFC 3461)."""

import re

from jobrunner.errors import InvalidInput
from jobrunner.services.mail.address import Address

ENVID_LIMIT = 100
"""Characters of an envelope identifier (RFC 3461, 4.4)."""
NOTIFY = re.compile(r"NEVER|(SUCCESS|FAILURE|DELAY)(,(SUCCESS|FAILURE|DELAY)){0,2}")
PLAIN = re.compile(r"[!-*,-<>-~]+")  # all that is visible but + and =
PRINTABLE = re.compile(r"[ -~]+")


def xtext(text: str) -> str:
    """Return the text as a parameter carries it: `+` and two hexadecimal digits for what may not stand there.

    Raises:
        InvalidInput: it is not of printable ASCII characters.
    """
    if PLAIN.fullmatch(text):
        return text
    if not PRINTABLE.fullmatch(text):
        raise InvalidInput(f"an envelope identifier must be of printable ASCII characters, got {text[:100]!r}")
    return "".join(c if PLAIN.fullmatch(c) else f"+{ord(c):02X}" for c in text)


def mail_parameters(envid: str | None) -> str:
    """Return what is added to MAIL: headers are enough in a notification, and it names the envelope."""
    if envid is None:
        return " RET=HDRS"
    if len(envid) > ENVID_LIMIT:
        raise InvalidInput(f"an envelope identifier has {ENVID_LIMIT} characters at most, got {len(envid)}")
    return f" RET=HDRS ENVID={xtext(envid)}"


def rcpt_parameters(notify: str, recipient: Address) -> str:
    """Return what is added to RCPT."""
    if not NOTIFY.fullmatch(notify):
        raise InvalidInput(f"notify must be NEVER, or of SUCCESS, FAILURE and DELAY with commas, got {notify[:80]!r}")
    return f" NOTIFY={notify} ORCPT={_original_recipient(recipient)}"


def _original_recipient(recipient: Address) -> str:
    if not recipient.needs_smtputf8:
        return f"rfc822;{xtext(str(recipient))}"
    # RFC 6533, 3: other alphabets as they are, since the server has SMTPUTF8.
    escaped = "".join(f"\\x{{{ord(c):X}}}" if c in "+=\\" else c for c in str(recipient))
    return f"utf-8;{escaped}"

"""Taking messages apart: octets in, `ParsedMail` out. Pure, without the network, the database or a clock.

Whatever comes is imported: a field, a part or a character set that makes no sense costs that field, never the message
(failures H07). What exceeds `Limits` is kept as one file beside the fields of its header, with the reason.
"""

from jobrunner.services.mail.importing.parsing.limits import Limits
from jobrunner.services.mail.importing.parsing.parse import parse, parse_as_file
from jobrunner.services.mail.importing.parsing.parsed import (
    Bounce,
    MailAddress,
    ParsedAttachment,
    ParsedMail,
)

__all__ = [
    "Bounce",
    "Limits",
    "MailAddress",
    "ParsedAttachment",
    "ParsedMail",
    "parse",
    "parse_as_file",
]

"""A message of which nothing but its octets is known: kept as a file, to be read again by a later version."""

from pathlib import Path

from jobrunner.services.mail.importing.parsing import ParsedAttachment, ParsedMail
from jobrunner.services.mail.importing.parsing.parse import SOURCE_NAME, placed
from jobrunner.services.mail.importing.staging import stage


def source_only(root: Path, source: bytes | Path, reason: str) -> ParsedMail:
    """Return the mail of a message that could not be read or stored; its octets wait in the folder of files.

    `reason` is a sentence that begins with what could not be done.
    """
    name, size, sha256 = stage(root, source.read_bytes() if isinstance(source, Path) else source)
    file = placed(ParsedAttachment(SOURCE_NAME, "message/rfc822"), size=size, sha256=sha256, staged=name)
    return ParsedMail(
        message_key=f"source:{sha256.hex()}",
        message_id=None,
        text_digest=sha256.hex()[:32],
        attachments=(file,),
        size=size,
        trouble=reason,
    )

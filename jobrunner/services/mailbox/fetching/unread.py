"""Messages that were read and that the database does not take: kept as files, to be read again by a later version."""

from pathlib import Path

from jobrunner.services.mail.importing.parsing import ParsedAttachment, ParsedMail
from jobrunner.services.mail.importing.parsing.parse import SOURCE_NAME, placed
from jobrunner.services.mail.importing.staging import stage


def unread_mail(root: Path, source: bytes | Path, reason: str) -> ParsedMail:
    """Return a mail of which nothing but its octets is said; they wait in the folder of files."""
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

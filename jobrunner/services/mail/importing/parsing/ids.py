"""Message-ID, In-Reply-To and References, read by a pattern of our own: case and blanks within count, folds do not."""

import re

from jobrunner.services.mail.importing.parsing.words import header_text, one_line

BRACKETED = re.compile(r"<([^<>]+)>")
MOST = 200
"""References that are kept: the first one, and the newest."""
LONGEST = 2_000


def read_id(raw: bytes | None) -> str | None:
    """Return the message's id with brackets, or None where there is none or an empty one."""
    if raw is None:
        return None
    text = one_line(header_text(raw))
    if (match := BRACKETED.search(text)) is not None:
        inner = match[1].strip()
    elif "<" in text or ">" in text:
        inner = text.strip("<> ")
    else:
        inner = text
    return f"<{inner}>" if inner else None


def read_ids(raws: list[bytes]) -> tuple[str, ...]:
    """Return the ids of fields that hold several, each once, in order."""
    found: dict[str, None] = {}
    for raw in raws:
        text = one_line(header_text(raw))
        inner = [match.strip() for match in BRACKETED.findall(text)]
        if not inner and "<" not in text:
            inner = [word for word in re.split(r"[\s,]+", text) if "@" in word]
        found |= dict.fromkeys(f"<{id}>" for id in inner if id and len(id) <= LONGEST)
    ids = tuple(found)
    return ids if len(ids) <= MOST else (ids[0], *ids[-(MOST - 1) :])

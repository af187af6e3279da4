"""Text from records, made fit for one line of a mail."""

import re

# What ends a line somewhere, what hides, and what turns the direction of the text around it.
UNSEEN = re.compile(
    "[\x00-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff]+"
)


def one_line(text: str, limit: int) -> str:
    """Return the text in one line of at most `limit` characters: controls and runs of blanks become one blank."""
    line = " ".join(UNSEEN.sub(" ", text).split())
    return line if len(line) <= limit else line[: limit - 1].rstrip() + "…"

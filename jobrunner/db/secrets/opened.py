"""What this process has opened, so that its logs can leave it out (failures H21)."""

MOST = 300
"""Texts that are remembered; those that were not opened for the longest time go first."""
SHORTEST = 4
"""Letters a secret must have: shorter ones would tear holes into ordinary words."""
SHORTEST_LINE = 40
"""Letters that a line of a secret of several lines must have: a log shows one line at a time."""

_opened: dict[str, None] = {}
_longest_first: tuple[str, ...] = ()


def remember_opened(secret: str) -> None:
    """Keep a secret that was opened or sealed."""
    global _longest_first
    lines = secret.splitlines()
    texts = [secret] if len(lines) < 2 else [line for line in lines if len(line) >= SHORTEST_LINE]
    for text in texts:
        if len(text) >= SHORTEST:
            _opened.pop(text, None)
            _opened[text] = None
    while len(_opened) > MOST:
        del _opened[next(iter(_opened))]
    _longest_first = tuple(sorted(_opened, key=len, reverse=True))


def without_opened(text: str) -> str:
    """Return a text with every secret that was opened replaced by `***`."""
    for secret in _longest_first:
        if secret in text:
            text = text.replace(secret, "***")
    return text

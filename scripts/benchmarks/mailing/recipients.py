"""Whom the mails go to: the same people for every system."""

from typing import NamedTuple

FIRST_NAMES = ("Anna", "Ben", "Chloë", "Dmitri", "Emma", "François", "Grace", "Hiro", "Ines", "Jack", "Kofi", "Lena")
LAST_NAMES = ("Adler", "Brown", "Castro", "Dubois", "Eriksen", "Fischer", "García", "Hughes", "Ito", "Jansen", "Khan")
DOMAINS = 50
"""Receiving domains, of which each has as many recipients."""


class Recipient(NamedTuple):
    """One of them."""

    id: str
    first_name: str
    last_name: str
    company: str
    email: str


def recipients(count: int) -> list[Recipient]:
    """Return so many, always the same ones."""
    return [
        Recipient(
            f"bench{number}",
            FIRST_NAMES[number % len(FIRST_NAMES)],
            LAST_NAMES[number % len(LAST_NAMES)],
            f"{LAST_NAMES[number % len(LAST_NAMES)]} & Sons {number % 97}",
            f"reader.{number}@mail{number % DOMAINS}.example.net",
        )
        for number in range(count)
    ]

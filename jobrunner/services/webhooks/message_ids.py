"""The ids by which receivers tell a repetition: `msg_` and 26 characters of Crockford's base 32."""

from uuid import UUID

PREFIX = "msg_"
LETTERS = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
LENGTH = 26
VALUES = {letter: value for value, letter in enumerate(LETTERS)}
PAIRS = tuple(first + second for first in LETTERS for second in LETTERS)
SHIFTS = tuple(range(120, -1, -10))


def message_id(id: UUID) -> str:
    """Return the id as it is sent in `webhook-id`."""
    number = id.int
    return PREFIX + "".join([PAIRS[number >> shift & 1023] for shift in SHIFTS])


def read_message_id(text: str) -> UUID | None:
    """Return what an id was made of; None where it is none of ours."""
    letters = text.strip().removeprefix(PREFIX).upper()
    if len(letters) != LENGTH or not all(letter in VALUES for letter in letters):
        return None
    number = 0
    for letter in letters:
        number = number << 5 | VALUES[letter]
    return UUID(int=number) if number < 1 << 128 else None

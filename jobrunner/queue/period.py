"""How long something is kept, in plain words: `15 days`, `2 months`, `never`.

Months and years are those of the calendar, as PostgreSQL reckons them: what the words say is what it is given.
"""

import re

from jobrunner.errors import InvalidInput

NEVER = "never"
ALLOWED = "a number of days, weeks, months or years, such as 15 days or 2 months, or never"
LONGEST_YEARS = 100
PERIOD = re.compile(r"([0-9]{1,5})\s*(day|week|month|year)s?", re.IGNORECASE)
PER_YEAR = {"day": 366, "week": 53, "month": 12, "year": 1}


def check_period(text: str) -> str:
    """Return a period as it is kept: `1 day`, `2 months`, `never`.

    Raises:
        InvalidInput: it is none, is shorter than a day, or longer than 100 years; the sentence follows a setting's
        name.
    """
    words = text.strip()
    if words.lower() == NEVER:
        return NEVER
    match = PERIOD.fullmatch(words)
    if match is None:
        raise InvalidInput(f"write {ALLOWED}; got {words[:60]!r}")
    number, unit = int(match[1]), match[2].lower()
    if not 1 <= number <= LONGEST_YEARS * PER_YEAR[unit]:
        raise InvalidInput(f"it must be from 1 day to {LONGEST_YEARS} years, got {words[:60]!r}")
    return f"{number} {unit}{'' if number == 1 else 's'}"

"""From text to fields. Whatever is wrong is said here, with the field, the value and what is allowed."""

import re
from difflib import get_close_matches

from jobrunner.crontab.errors import CrontabError
from jobrunner.crontab.fields import (
    DAY,
    KINDS,
    SECOND,
    WEEKDAY,
    Field,
    Fields,
    Kind,
    LastDay,
    LastOfWeekday,
    LastWorkday,
    NearestWorkday,
    NthWeekday,
    Span,
    Term,
)

# Every number of every field written out is some 550 characters; what is longer is a mistake or an attack.
LONGEST = 1000

NICKNAMES = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}

SHAPE = "five fields (minute hour day-of-month month day-of-week), or six with the second first"

NUMBER = re.compile(r"[0-9]+")
LAST_DAY_BEFORE = re.compile(r"L-([0-9]+)")
NEAREST_WORKDAY = re.compile(r"([0-9]+)W")


def collapse(text: str) -> str:
    """Return the expression on one line with single blanks, or refuse what no crontab can hold."""
    if len(text) > LONGEST:
        raise CrontabError("expression", text, f"is {len(text)} characters long", f"{LONGEST} characters")
    parts = text.replace("\t", " ").split(" ")
    parts = [part for part in parts if part]
    kinds = dict(zip(range(len(parts)), KINDS[-len(parts) :], strict=False)) if len(parts) in (5, 6) else {}
    for place, part in enumerate(parts):
        for character in part:
            if not "!" <= character <= "~":
                kind = kinds.get(place)
                raise CrontabError(
                    kind.name if kind else "expression",
                    part,
                    f"holds the character U+{ord(character):04X}",
                    kind.allowed if kind else f"{SHAPE}, all on one line",
                )
    return " ".join(parts)


def read(text: str) -> Fields:
    """Read an expression that went through `collapse`."""
    if text.startswith("@"):
        text = _nickname(text)
    parts = text.split(" ") if text else []
    if parts and "=" in parts[0]:
        problem = "begins with a variable: the time zone is a setting of its own"
        raise CrontabError("expression", text, problem, SHAPE)
    if len(parts) not in (5, 6):
        raise CrontabError("expression", text, _miscounted(parts), SHAPE)
    kinds = KINDS[-len(parts) :]
    fields = [read_field(kind, part) for kind, part in zip(kinds, parts, strict=True)]
    if len(fields) == 5:
        fields.insert(0, read_field(SECOND, "0"))
    second, minute, hour, day, month, weekday = fields
    if day.text == weekday.text == "?":
        raise CrontabError("day-of-week", "?", "stands in both day fields", "? in one of them, * in the other")
    return Fields(second, minute, hour, day, month, weekday, has_seconds=len(parts) == 6)


def _nickname(text: str) -> str:
    word = text.lower()
    known = ", ".join(sorted(NICKNAMES))
    if word in NICKNAMES:
        return NICKNAMES[word]
    if word.startswith("@reboot"):
        problem = "names no time: any number of daemons share a schedule, and the start of one is not a fire time"
        raise CrontabError("expression", text, problem, f"{known}, or {SHAPE}")
    if word.startswith("@every"):
        problem = "is no crontab: write the period as a step, such as */5 * * * *"
        raise CrontabError("expression", text, problem, f"{known}, or {SHAPE}")
    close = get_close_matches(word, NICKNAMES, n=1)
    hint = f"is unknown, did you mean {close[0]}?" if close else "is unknown"
    raise CrontabError("expression", text, hint, f"{known}, or {SHAPE}")


def _miscounted(parts: list[str]) -> str:
    if not parts:
        return "is empty"
    if len(parts) == 7:
        return "has 7 fields (there is no field for the year)"
    return f"has {len(parts)} field{'' if len(parts) == 1 else 's'}"


def read_field(kind: Kind, text: str) -> Field:
    """Read one field, such as `MON-FRI` or `*/5`."""
    if text == "?" and kind in (DAY, WEEKDAY):
        return Field(kind, text, (Span(kind, kind.low, kind.high, form="star"),))
    return Field(kind, text, tuple(_read_term(kind, text, term) for term in text.upper().split(",")))


def _read_term(kind: Kind, text: str, term: str) -> Term:
    if not term:
        raise CrontabError(kind.name, text, "has an empty place in its list", kind.allowed)
    if kind is DAY:
        special = _read_day(term)
        if special:
            return special
    if kind is WEEKDAY:
        special = _read_weekday(term)
        if special:
            return special
    return _read_span(kind, term)


def _read_span(kind: Kind, term: str) -> Span:
    base, slash, steps = term.partition("/")
    step = _step(kind, term, steps) if slash else 1
    if base == "*":
        return Span(kind, kind.low, kind.high, step, "star")
    first_text, dash, last_text = base.partition("-")
    first = _value(kind, term, first_text)
    if dash:
        return Span(kind, first, _value(kind, term, last_text), step, "range")
    if slash:
        return Span(kind, first, kind.high, step, "from")
    return Span(kind, first, first)


def _read_day(term: str) -> Term | None:
    if term == "L":
        return LastDay()
    if term in ("LW", "WL"):
        return LastWorkday()
    if match := LAST_DAY_BEFORE.fullmatch(term):
        before = _number(DAY, term, match[1])
        if not 1 <= before <= 30:
            raise CrontabError(DAY.name, term, f"goes back {match[1]:.20} days", "L-1 to L-30")
        return LastDay(before)
    if match := NEAREST_WORKDAY.fullmatch(term):
        return NearestWorkday(_value(DAY, term, match[1]))
    if "L" in term or "W" in term:
        raise CrontabError(DAY.name, term, "is not understood", DAY.allowed)
    return None


def _read_weekday(term: str) -> Term | None:
    day, sharp, nth_text = term.partition("#")
    if sharp:
        if "-" in day or "/" in nth_text or day == "*":
            raise CrontabError(WEEKDAY.name, term, "puts # behind more than one weekday", "lists such as 1#1,2#1")
        nth = _number(WEEKDAY, term, nth_text)
        if not 1 <= nth <= 5:
            raise CrontabError(WEEKDAY.name, term, "names a week that no month has", "#1 to #5")
        return NthWeekday(_value(WEEKDAY, term, day) % 7, nth)
    if term == "L":
        raise CrontabError(WEEKDAY.name, term, "names no weekday", "a day before the L, such as 5L or FRIL")
    if term.endswith("L") and len(term) > 1:
        return LastOfWeekday(_value(WEEKDAY, term, term[:-1]) % 7)
    return None


def _step(kind: Kind, term: str, text: str) -> int:
    if not NUMBER.fullmatch(text):
        raise CrontabError(kind.name, term, "has no whole number behind its /", f"steps 1-{kind.size}")
    step = _number(kind, term, text)
    if not 1 <= step <= kind.size:
        raise CrontabError(kind.name, term, "has a step out of range", f"steps 1-{kind.size}")
    return step


def _value(kind: Kind, term: str, text: str) -> int:
    """Read a number or name; a weekday may be 7, so that Sunday can end a week (5-7) or begin one (7-2)."""
    if kind.names and text.isalpha():
        return _named(kind, term, text)
    value = _number(kind, term, text)
    highest = 7 if kind is WEEKDAY else kind.high
    if not kind.low <= value <= highest:
        raise CrontabError(kind.name, term, "is out of range", kind.allowed)
    return value


def _named(kind: Kind, term: str, text: str) -> int:
    names = [name.upper() for name in kind.names]
    for number, name in enumerate(names):
        if text in (name, name[:3]):
            return number + kind.low
    close = get_close_matches(text, [*names, *(name[:3] for name in names)], n=1)
    hint = f"is no name of a {_noun(kind)}" + (f" (did you mean {close[0]}?)" if close else "")
    raise CrontabError(kind.name, term, hint, kind.allowed)


def _noun(kind: Kind) -> str:
    return "weekday" if kind is WEEKDAY else kind.name


def _number(kind: Kind, term: str, text: str) -> int:
    if not NUMBER.fullmatch(text):
        raise CrontabError(kind.name, term, "is not understood", kind.allowed)
    # No field holds a number of more than two digits; leading zeros are harmless.
    digits = text.lstrip("0") or "0"
    return int(digits) if len(digits) <= 2 else 100

"""A job's data: what may be in it, and how it becomes the text that PostgreSQL stores.

The same rules hold at every door: Python, bulk, the command line, and `jobrunner.refuse_data` in SQL. A job's data is
a JSON object of at most 1 MiB and 100 levels, without NUL characters, halves of surrogate pairs, NaN, infinities, and
numbers beyond a double's; whole numbers stay exact whatever their size (up to 308 digits).

Data is encoded first, whole blocks of jobs at once, and the text is looked over for traces of what is refused. Only
where there is one are the values themselves walked through, which is slower, but names the place.
"""

import dataclasses
import json
import math
from collections.abc import Mapping, Sequence
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from enum import Enum
from pathlib import PurePath
from typing import Any
from uuid import UUID

from jobrunner.errors import InvalidJobData

LARGEST = 1024 * 1024
"""Bytes of JSON text that one job's data may have."""
DEEPEST = 100
"""Levels that lists and objects may be nested in a job's data."""
LARGEST_NUMBER = 17976931348623157 * 10**292
"""The largest double, as it is written."""
LONGEST_NUMBER = 308
"""Digits: what is longer may lie beyond the largest double."""

DIGITS = "0123456789"
EXPLANATIONS = {
    "bytes": "encode them as text, base64 for example",
    "bytearray": "encode them as text, base64 for example",
    "set": "pass a list",
    "frozenset": "pass a list",
}


def encode(data: Mapping[str, Any]) -> str:
    """Return the data of one job as JSON text.

    Dates and times become ISO 8601, durations seconds, decimals and UUIDs text, enums their values, dataclasses and
    pydantic models objects.

    Raises:
        InvalidJobData: names the place of what is refused.
    """
    if type(data) is not dict:
        data = as_object(data)
    text, size = _encoded(data)
    if size == 0 or size > LARGEST or _may_be_longer(text, size) or _is_suspect(text, 1):
        return _encoded_slowly(data)
    return text


def encode_all(jobs: Sequence[Mapping[str, Any]], places: Sequence[int]) -> str:
    """Return the data of many jobs, which have these places in a larger whole, as the text of one JSON array.

    Raises:
        InvalidJobData: with the index of the job that is refused.
    """
    if {*map(type, jobs)} <= {dict}:
        text, size = _encoded(jobs)
        # A block that is small enough as a whole has no job that is too large.
        if 0 < size <= LARGEST and not _is_suspect(text, len(jobs)):
            return text
    texts = []
    for index, data in zip(places, jobs, strict=True):
        try:
            texts.append(encode(data))
        except InvalidJobData as refusal:
            raise InvalidJobData(str(refusal), index) from None
    return f"[{', '.join(texts)}]"


def parse(text: str) -> dict[str, Any]:
    """Read a job's data from JSON text, as the command line gets it.

    Raises:
        InvalidJobData: it is no JSON, or not what a job's data may be.
    """
    try:
        data = json.loads(text)
    except RecursionError:
        raise _too_deep() from None
    except json.JSONDecodeError as error:
        raise InvalidJobData(f"a job's data must be JSON: {error.msg.lower()} (column {error.pos + 1})") from None
    except ValueError:
        raise _too_large_a_number() from None
    if not isinstance(data, dict):
        raise _no_object("null" if data is None else _kind(data))
    encode(data)
    return data


def as_object(data: Any) -> dict[str, Any]:
    """Return a job's data as a dict; raise InvalidJobData if it is no object."""
    if data is None:
        return {}
    if not isinstance(data, Mapping):
        try:
            data = convert(data)
        except TypeError:
            pass
    if not isinstance(data, Mapping):
        raise _no_object(_kind(data))
    return dict(data)


def _kind(value: Any) -> str:
    """Return what JSON calls a value."""
    kinds = {list: "array", tuple: "array", str: "string", bool: "boolean", int: "number", float: "number"}
    return kinds.get(type(value), type(value).__name__)


def _no_object(kind: str) -> InvalidJobData:
    return InvalidJobData(f"a job's data must be a JSON object, got {kind}")


def convert(value: Any) -> Any:
    """Return what JSON holds in place of a value that it does not know; TypeError if there is nothing."""
    match value:
        case datetime() | date() | time():
            return value.isoformat()
        case timedelta():
            return value.total_seconds()
        case UUID() | PurePath():
            return str(value)
        case Decimal() if value.is_finite():
            return str(value)
        case Enum():
            return value.value
        case Mapping():
            return dict(value)
        case _ if dataclasses.is_dataclass(value) and not isinstance(value, type):
            return {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
        case _ if hasattr(value, "model_dump"):
            return value.model_dump(mode="json")
    raise TypeError(type(value).__name__)


# With blanks after commas and colons, as PostgreSQL writes jsonb: so that all doors measure the same text.
_encode = json.JSONEncoder(ensure_ascii=False, allow_nan=False, default=convert).encode


def _encoded(value: Any) -> tuple[str, int]:
    """Return the text and its bytes; none where there is no such text: the walk then says why."""
    try:
        text = _encode(value)
        return text, len(text.encode())  # halves of surrogate pairs have no bytes
    except (TypeError, ValueError, RecursionError):
        return "", 0


def _is_suspect(text: str, objects: int) -> bool:
    """Return whether a text may hold what is refused; few texts that hold nothing of it look so."""
    if "\\" in text and "\\u0000" in text:
        return True
    if text.count("{") + text.count("[") >= objects + DEEPEST:
        return True
    # A number of 309 digits covers one of these places at least.
    for step, letter in enumerate(text[LONGEST_NUMBER :: LONGEST_NUMBER + 1]):
        if letter in DIGITS:
            place = LONGEST_NUMBER + step * (LONGEST_NUMBER + 1)
            before = text[place - LONGEST_NUMBER : place]
            after = text[place : place + LONGEST_NUMBER + 1]
            digits = len(before) - len(before.rstrip(DIGITS)) + len(after) - len(after.lstrip(DIGITS))
            if digits > LONGEST_NUMBER:
                return True
    return False


def _encoded_slowly(data: dict[str, Any]) -> str:
    _walk(data)
    text, size = _encoded(data)
    if size == 0:
        raise InvalidJobData("a job's data must be JSON, got values that refer to themselves")
    if _may_be_longer(text, size):
        size += sum(len(format(Decimal(number), "f")) - len(number) for number in _exponents(json.loads(text)))
    if size > LARGEST:
        raise InvalidJobData(
            f"a job's data may have at most 1 MiB, got {size} bytes: store it elsewhere and pass its id"
        )
    return text


def _may_be_longer(text: str, size: int) -> bool:
    """Return whether the text may take more than LARGEST as PostgreSQL writes it, which is without exponents."""
    return size * 64 > LARGEST and ("e+" in text or "e-" in text)


def _exponents(value: Any) -> list[str]:
    """Return the numbers in it that Python writes with an exponent."""
    found: list[str] = []
    waiting = [value]
    while waiting:
        match waiting.pop():
            case dict() as inner:
                waiting.extend(inner.values())
            case list() as inner:
                waiting.extend(inner)
            case float() as number if "e" in (written := repr(number)):
                found.append(written)
    return found


def _walk(data: dict[str, Any]) -> None:
    """Raise InvalidJobData for the first value that cannot be stored, with its place."""
    waiting: list[tuple[Any, str, int]] = [(data, "data", 0)]
    while waiting:
        value, place, level = waiting.pop()
        if level > DEEPEST:
            raise _too_deep()
        match value:
            case None | bool():
                pass
            case str():
                _check_text(value, place)
            case int():
                if abs(value) > LARGEST_NUMBER:
                    raise _too_large_a_number(place)
            case float():
                if math.isnan(value):
                    raise InvalidJobData(f"a job's data may hold numbers only that JSON knows, got NaN at {place}")
                if math.isinf(value):
                    raise _too_large_a_number(place)
            case dict():
                for key, inner in reversed(value.items()):
                    if isinstance(key, str):
                        _check_text(key, f"a key of {place}")
                    elif not isinstance(key, int | float | None) or (isinstance(key, float) and not math.isfinite(key)):
                        raise InvalidJobData(f"a job's data must have texts as keys, got {key!r:.60} in {place}")
                    waiting.append((inner, f"{place}[{_short(key)}]", level + 1))
            case list() | tuple():
                for number, inner in reversed(list(enumerate(value))):
                    waiting.append((inner, f"{place}[{number}]", level + 1))
            case _:
                try:
                    waiting.append((convert(value), place, level))
                except TypeError:
                    kind = type(value).__name__
                    why = EXPLANATIONS.get(kind, "pass texts, numbers, lists and objects")
                    shown = f"{kind} ({value})" if isinstance(value, Decimal) else kind
                    raise InvalidJobData(f"a job's data must be JSON, got {shown} at {place}: {why}") from None


def _check_text(text: str, place: str) -> None:
    if "\0" in text:
        raise InvalidJobData(f"a job's data may not hold the character NUL (\\u0000), got one at {place}: remove it")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        half = f"\\u{ord(text[error.start]):04x}"
        raise InvalidJobData(
            f"a job's data may not hold half of a surrogate pair, got {half} at {place}: it is no character"
        ) from None


def _short(key: Any) -> str:
    shown = repr(key)
    return shown if len(shown) <= 60 else shown[:60] + "…"


def _too_deep() -> InvalidJobData:
    return InvalidJobData(f"a job's data may be nested at most {DEEPEST} levels deep")


def _too_large_a_number(place: str | None = None) -> InvalidJobData:
    return InvalidJobData(
        "a job's data may hold numbers up to 1.8e308 only" + (f", got a larger one at {place}" if place else "")
    )

"""How a value is written: dates and numbers in the recipient's language and zone."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from enum import Enum
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from babel import Locale, UnknownLocaleError
from babel.dates import format_date, format_time
from babel.numbers import format_decimal

from jobrunner.services.mail.languages import words_in
from jobrunner.services.mail.templates.words import LANGUAGES

CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
"""What no mail may hold; tab and line ends stay."""


@dataclass(frozen=True, slots=True)
class Style:
    """A language and a zone."""

    locale: Locale
    zone: ZoneInfo

    @classmethod
    def of(cls, language: str, zone: str) -> "Style":
        """Return the style for a tag (`de_AT`; of the language alone, else English) and a zone (else UTC)."""
        return _style(language, zone)

    def write(self, value: Any) -> str:
        """Return a value as people read it; nothing for None."""
        match value:
            case None:
                return ""
            case str():
                return CONTROLS.sub("", value).replace("\r\n", "\n").replace("\r", "\n")
            case Enum():
                return self.write(value.value)
            case bool():
                words = words_in(LANGUAGES, str(self.locale))
                return words.yes if value else words.no
            case int():
                return str(value)
            case float() | Decimal():
                return str(format_decimal(value, locale=self.locale))
            case datetime():
                return self.write_moment(value)
            case date():
                return str(format_date(value, "medium", locale=self.locale))
            case time():
                return str(format_time(value, "short", locale=self.locale))
            case dict():
                return ""
            case Iterable():
                return ", ".join(map(self.write, value))
            case _:
                return self.write(str(value))

    def write_moment(self, moment: datetime) -> str:
        """Return date and time, of the zone where the moment is aware."""
        local = moment.astimezone(self.zone) if moment.tzinfo is not None else moment
        day = format_date(local.date(), "medium", locale=self.locale)
        return f"{day} {format_time(local.time(), 'short', locale=self.locale)}"

    def today(self, now: datetime) -> date:
        """Return the day that it is in the zone."""
        return now.astimezone(self.zone).date()


@lru_cache(maxsize=1024)
def _style(language: str, zone: str) -> Style:
    return Style(_locale(language), _zone(zone))


def _locale(language: str) -> Locale:
    tag = language.replace("-", "_")
    for candidate in (tag, tag.partition("_")[0], "en"):
        try:
            return Locale.parse(candidate)
        except (ValueError, UnknownLocaleError, TypeError):
            continue
    raise AssertionError("English is always there")


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return ZoneInfo("UTC")

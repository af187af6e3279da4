"""Tickets: signed for one purpose, for one subject, for a while."""

from datetime import UTC, datetime, timedelta

import pytest

from jobrunner.db.secrets import SigningKeys
from jobrunner.db.secrets.ticket import read_ticket, sign_ticket

NOW = datetime(2026, 5, 4, 10, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
KEYS = SigningKeys(2, {1: b"1" * 32, 2: b"2" * 32})


def read(text: str, now: datetime = NOW, purpose: str = "popups", keys: SigningKeys = KEYS) -> str | None:
    return read_ticket(keys, purpose, text, now, timedelta(hours=1))


def test_it_is_read_until_its_end_for_its_purpose_and_by_its_key():
    text = sign_ticket(KEYS, "popups", "änn", NOW + MINUTE)
    assert read(text) == "änn"
    assert read(text, NOW + MINUTE - timedelta(milliseconds=1)) == "änn"
    assert read(text, NOW + MINUTE) is None
    assert read(text, NOW - timedelta(hours=2)) is None, "its end is further away than any may be"
    assert read(text, purpose="links in mails") is None
    assert read(text, keys=SigningKeys(1, {1: b"1" * 32})) is None
    assert read(text, keys=SigningKeys(1, {1: b"1" * 32, 2: b"3" * 32})) is None
    assert text != sign_ticket(KEYS, "popups", "änn", NOW + MINUTE), "each is another"
    assert set(text) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")


def test_nothing_else_is_read():
    """H18: each change of a character, each cut, and what is no ticket at all."""
    text = sign_ticket(KEYS, "popups", "ann", NOW + MINUTE)
    for place in range(len(text)):
        changed = text[:place] + ("A" if text[place] != "A" else "B") + text[place + 1 :]
        assert read(changed) is None
        assert read(text[:place]) is None


@pytest.mark.parametrize("text", ["", " ", "=", "a", "é" * 80, "A" * 5000, "A" * 80, "%00", "null", "\0" * 90])
def test_rubbish_is_refused(text: str):
    assert read(text) is None

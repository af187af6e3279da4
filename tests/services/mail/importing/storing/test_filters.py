"""What a filter matches (mail-in.md, 5)."""

import time

import pytest

from jobrunner.services.mail.importing.parsing import parse
from jobrunner.services.mail.importing.storing.filters import Filter, first_match, like
from tests.services.mail.importing.letters import letter


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        ("abc", "ABC", True),
        ("abc", "abcd", False),
        ("a*c", "ac", True),
        ("a*c", "abbbc", True),
        ("*", "", True),
        ("*b*", "abc", True),
        ("a*b*a", "aba", True),
        ("ab*ba", "aba", False),
        ("a.c", "abc", False),
        ("[a]*", "[A] x", True),
        ("*a*a", "a", False),
        ("", "", True),
    ],
)
def test_patterns(pattern: str, text: str, expected: bool):
    assert like(pattern, text) is expected


def test_a_pattern_of_stars_takes_no_time():
    started = time.process_time()
    assert not like("*a" * 100 + "b", "a" * 100_000)
    assert time.process_time() - started < 0.1


MAIL = parse(letter(b"Your Invoice is due", to="bob@example.org, team@example.org", Cc="boss@example.org"))


@pytest.mark.parametrize(
    ("conditions", "expected"),
    [
        ({}, False),
        ({"sender": "ANN@*"}, True),
        ({"recipient": "team@*"}, True),
        ({"recipient": "boss@*"}, False),
        ({"subject": "hel*"}, True),
        ({"sender": "ann@*", "subject": "other"}, False),
        ({"body_contains": ("nothing", "INVOICE")}, True),
        ({"body_contains": ("nothing",)}, False),
        ({"body_contains_all": ("invoice", "due")}, True),
        ({"body_contains_all": ("invoice", "nothing")}, False),
        ({"body_contains": ("",)}, False),
    ],
)
def test_conditions(conditions: dict[str, object], expected: bool):
    filter = Filter(1, "x", "Skip", **conditions)  # type: ignore[arg-type]
    assert filter.matches(MAIL) is expected


def test_the_first_that_matches_decides():
    other = Filter(1, "other", "Skip", subject="nothing like it")
    body = Filter(2, "body", "Skip", sender="*", body_contains=("invoice",))
    head = Filter(3, "head", "Skip", sender="*")
    assert first_match([other, body, head], MAIL) is body
    assert first_match([head, body], MAIL) is head
    assert first_match([other], MAIL) is None

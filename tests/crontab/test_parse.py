"""Reading expressions: what is accepted and what it means, what is refused and how that is said."""

import dataclasses
import pickle

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from jobrunner.crontab import Crontab, CrontabError
from jobrunner.errors import InvalidInput


def values(text, field):
    return getattr(Crontab.parse(text).fields, field).values


@pytest.mark.parametrize(
    ("text", "field", "expected"),
    [
        ("* * * * *", "second", (0,)),
        ("15 * * * * *", "second", (15,)),
        ("5 * * * *", "minute", (5,)),
        ("05 * * * *", "minute", (5,)),
        ("1,3,2,3 * * * *", "minute", (1, 2, 3)),
        ("1-5 * * * *", "minute", (1, 2, 3, 4, 5)),
        ("1-10/3 * * * *", "minute", (1, 4, 7, 10)),
        ("58-2 * * * *", "minute", (0, 1, 2, 58, 59)),
        ("*/20 * * * *", "minute", (0, 20, 40)),
        ("*/60 * * * *", "minute", (0,)),
        ("10/20 * * * *", "minute", (10, 30, 50)),
        ("*,5 * * * *", "minute", tuple(range(60))),
        ("0 22-2 * * *", "hour", (0, 1, 2, 22, 23)),
        ("0 22-2/2 * * *", "hour", (0, 2, 22)),
        ("0 21-3/2 * * *", "hour", (1, 3, 21, 23)),
        ("0 0 28-3 * *", "day", (1, 2, 3, 28, 29, 30, 31)),
        ("0 0 * jan,Jul-SEPTEMBER *", "month", (1, 7, 8, 9)),
        ("0 0 * nov-feb *", "month", (1, 2, 11, 12)),
        ("0 0 * * 0", "weekday", (0,)),
        ("0 0 * * 7", "weekday", (0,)),
        ("0 0 * * sunday", "weekday", (0,)),
        ("0 0 * * 0-7", "weekday", (0, 1, 2, 3, 4, 5, 6)),
        ("0 0 * * 1-7", "weekday", (0, 1, 2, 3, 4, 5, 6)),
        ("0 0 * * 5-7", "weekday", (0, 5, 6)),
        ("0 0 * * 7-2", "weekday", (0, 1, 2)),
        ("0 0 * * 7-7", "weekday", (0,)),
        ("0 0 * * 0-0", "weekday", (0,)),
        ("0 0 * * FRI-MON", "weekday", (0, 1, 5, 6)),
        ("0 0 * * SUN-TUE", "weekday", (0, 1, 2)),
        ("0 0 * * SAT-SUN", "weekday", (0, 6)),
        ("0 0 * * 6-1/2", "weekday", (1, 6)),
        ("0 0 * * 1-7/2", "weekday", (0, 1, 3, 5)),
        ("0 0 * * 1/2", "weekday", (1, 3, 5)),
        ("0 0 * * 7/3", "weekday", (0, 3, 6)),
        ("0 0 * * */2", "weekday", (0, 2, 4, 6)),
        ("0 0 ? * MON", "day", tuple(range(1, 32))),
        ("0 0 1 * ?", "weekday", (0, 1, 2, 3, 4, 5, 6)),
    ],
)
def test_numbers(text, field, expected):
    assert values(text, field) == expected


@pytest.mark.parametrize(
    ("word", "fields"),
    [
        ("@yearly", "0 0 1 1 *"),
        ("@annually", "0 0 1 1 *"),
        ("@monthly", "0 0 1 * *"),
        ("@weekly", "0 0 * * 0"),
        ("@daily", "0 0 * * *"),
        ("@midnight", "0 0 * * *"),
        ("@HOURLY", "0 * * * *"),
    ],
)
def test_words_with_an_at(word, fields):
    cron = Crontab.parse(word)
    assert cron.text == word
    assert cron.pattern == Crontab.parse(fields).pattern
    assert cron.fields.fixed == Crontab.parse(fields).fields.fixed


def test_text_is_as_entered_with_single_blanks():
    assert Crontab.parse("  0\t 22-2   * * Sat-mon ").text == "0 22-2 * * Sat-mon"
    assert str(Crontab.parse("@Daily")) == "@Daily"


def test_as_often_as_possible_is_five_stars():
    assert Crontab.parse(" *  * * * * ").as_often_as_possible
    assert not Crontab.parse("* * * * * *").as_often_as_possible
    assert not Crontab.parse("*/1 * * * *").as_often_as_possible


def test_has_seconds():
    assert Crontab.parse("0 * * * * *").has_seconds
    assert not Crontab.parse("0 * * * *").has_seconds
    assert not Crontab.parse("@hourly").has_seconds


def test_is_a_value():
    cron = Crontab.parse("*/5 9-17 * * MON-FRI")
    assert pickle.loads(pickle.dumps(cron)) == cron == Crontab.parse("*/5  9-17 * * MON-FRI")
    assert len({cron, Crontab.parse(cron.text), Crontab.parse("@daily")}) == 2
    with pytest.raises(dataclasses.FrozenInstanceError):
        cron.text = "* * * * *"


NUMBERS = "0-59"

REFUSED = [
    # text, field, value, what the message must allow
    ("", "expression", "", "five fields"),
    ("   ", "expression", "", "five fields"),
    ("* * *", "expression", "* * *", "five fields"),
    ("0 0 0 * * * 2026", "expression", "0 0 0 * * * 2026", "five fields"),
    ("TZ=Europe/Berlin 0 0 * * *", "expression", "TZ=Europe/Berlin 0 0 * * *", "five fields"),
    ("60 * * * *", "minute", "60", NUMBERS),
    ("61 * * * * *", "second", "61", NUMBERS),
    ("-1 * * * *", "minute", "-1", NUMBERS),
    ("+1 * * * *", "minute", "+1", NUMBERS),
    ("1.5 * * * *", "minute", "1.5", NUMBERS),
    ("0 24 * * *", "hour", "24", "0-23"),
    ("0 0 0 * *", "day-of-month", "0", "1-31"),
    ("0 0 32 * *", "day-of-month", "32", "1-31"),
    ("0 0 * 13 *", "month", "13", "1-12"),
    ("0 0 * 0 *", "month", "0", "1-12"),
    ("0 0 * * 8", "day-of-week", "8", "0-7"),
    ("٣ * * * *", "minute", "٣", NUMBERS),
    ("３ * * * *", "minute", "３", NUMBERS),
    ("*/0 * * * *", "minute", "*/0", "steps 1-60"),
    ("*/61 * * * *", "minute", "*/61", "steps 1-60"),
    ("*/99999999999 * * * *", "minute", "*/99999999999", "steps 1-60"),
    ("*/ * * * *", "minute", "*/", "steps 1-60"),
    ("1-5/-2 * * * *", "minute", "1-5/-2", "steps 1-60"),
    ("1/2/3 * * * *", "minute", "1/2/3", "steps 1-60"),
    ("99999999999999999999 * * * *", "minute", "99999999999999999999", NUMBERS),
    ("9" * 900 + " * * * *", "minute", "9" * 900, NUMBERS),
    ("1,,2 * * * *", "minute", "1,,2", NUMBERS),
    (", * * * *", "minute", ",", NUMBERS),
    ("1- * * * *", "minute", "1-", NUMBERS),
    ("1-2-3 * * * *", "minute", "1-2-3", NUMBERS),
    ("**/2 * * * *", "minute", "**/2", NUMBERS),
    ("0~30 * * * *", "minute", "0~30", NUMBERS),
    ("H * * * *", "minute", "H", NUMBERS),
    ("? * * * *", "minute", "?", NUMBERS),
    ("L * * * *", "minute", "L", NUMBERS),
    ("0 0 * MON *", "month", "MON", "JAN-DEC"),
    ("0 0 * * JAN", "day-of-week", "JAN", "SUN-SAT"),
    ("0 0 * * MO", "day-of-week", "MO", "SUN-SAT"),
    ("0 0 ? * ?", "day-of-week", "?", "? in one of them"),
    ("0 0 1,? * *", "day-of-month", "?", "1-31"),
    ("0 0 L-0 * *", "day-of-month", "L-0", "L-1 to L-30"),
    ("0 0 L-31 * *", "day-of-month", "L-31", "L-1 to L-30"),
    ("0 0 0W * *", "day-of-month", "0W", "1W to 31W"),
    ("0 0 32W * *", "day-of-month", "32W", "1W to 31W"),
    ("0 0 1-5W * *", "day-of-month", "1-5W", "1W to 31W"),
    ("0 0 L/2 * *", "day-of-month", "L/2", "1-31"),
    ("0 0 1#2 * *", "day-of-month", "1#2", "1-31"),
    ("0 0 * * L", "day-of-week", "L", "5L"),
    ("0 0 * * 8L", "day-of-week", "8L", "0-7"),
    ("0 0 * * 1#0", "day-of-week", "1#0", "#1 to #5"),
    ("0 0 * * 1#6", "day-of-week", "1#6", "#1 to #5"),
    ("0 0 * * 1-2#1", "day-of-week", "1-2#1", "1#1,2#1"),
    ("0 0 * * 1#", "day-of-week", "1#", "1#1"),
    ("0 0 * * 15W", "day-of-week", "15W", "0-7"),
    ("\0 * * * *", "minute", "\0", NUMBERS),
    ("0 0 * * \x1b[31m", "day-of-week", "\x1b[31m", "0-7"),
    ("0\n* * * *", "expression", "0\n*", "all on one line"),
    ("* * * * *\n", "day-of-week", "*\n", "0-7"),
    ("*\u00a0* * * *", "expression", "*\u00a0*", "all on one line"),
    ("@reboot", "expression", "@reboot", "@daily"),
    ("@every 5m", "expression", "@every 5m", "@daily"),
    ("@dayly", "expression", "@dayly", "@daily"),
    ("@", "expression", "@", "@daily"),
]


@pytest.mark.parametrize(("text", "field", "value", "allowed"), REFUSED, ids=lambda text: ascii(text)[:30])
def test_refused_with_field_value_and_range(text, field, value, allowed):
    """H01: digits of other scripts, impossible steps, NUL, line breaks, and every plain mistake."""
    with pytest.raises(CrontabError) as caught:
        Crontab.parse(text)
    error = caught.value
    assert isinstance(error, InvalidInput)
    assert (error.field, error.value) == (field, value)
    assert allowed in error.allowed
    message = str(error)
    assert field in message
    assert error.allowed in message
    assert message.isprintable()
    assert len(message) < 500
    assert repr(pickle.loads(pickle.dumps(error))) == repr(error)


def test_a_list_of_ten_thousand_characters_is_refused():
    """H01."""
    text = ",".join(["1"] * 5000) + " * * * *"
    with pytest.raises(CrontabError, match="10007 characters"):
        Crontab.parse(text)


def test_everything_written_out_is_accepted():
    every = [range(60), range(60), range(24), range(1, 32), range(1, 13), range(8)]
    text = " ".join(",".join(str(number) for number in numbers) for numbers in every)
    assert Crontab.parse(text).pattern.per_day == 86_400


def test_reboot_says_why():
    with pytest.raises(CrontabError, match="names no time"):
        Crontab.parse("@reboot")


@pytest.mark.parametrize("text", ["0 0 * * MOM", "0 0 * JULLY *", "@houry"])
def test_the_nearest_name_is_offered(text):
    with pytest.raises(CrontabError, match=r"did you mean (MON|JULY|@hourly)"):
        Crontab.parse(text)


NEVER = [
    "0 0 30 2 *",
    "0 0 31 2 *",
    "0 0 31 4 *",
    "0 0 31 2,4,6,9,11 *",
    "0 0 31W 9 *",
    "0 0 30,31 2 ?",
    "0 0 L-30 4 *",
    "0 0 L-29 2 *",
    "0 0 */30 * 1#3",  # the 1st and 31st, of which neither is a third Monday
    "0 0 15W * */6",  # a workday that is a Saturday or Sunday
]


@pytest.mark.parametrize("text", NEVER)
def test_dates_that_never_come_are_refused(text):
    """F33."""
    with pytest.raises(CrontabError, match="never comes"):
        Crontab.parse(text)


SHORT = st.text(max_size=40)
LIKELY = st.text(alphabet="0123456789*/-,?LW# \tMONJAN@", max_size=40)
PLACES = st.lists(
    st.sampled_from(
        ["*", "0", "7", "*/7", "1-5", "22-2", "L", "L-3", "15W", "LW", "1#2", "5L", "?", "MON", "feb", "31"]
    )
    | st.text(alphabet="0123456789*/-,", min_size=1, max_size=8),
    min_size=4,
    max_size=7,
).map(" ".join)


@given(SHORT | LIKELY | PLACES)
@example("* * * * * *")
def test_anything_is_refused_or_works(text):
    """H01: whatever is entered is a CrontabError or an expression that fires."""
    try:
        cron = Crontab.parse(text)
    except CrontabError as caught:
        error = caught
    else:
        error = None
    if error is not None:
        assert str(error).isprintable()
        return
    assert cron.pattern.at_or_after(0) is not None
    assert cron.text == " ".join(text.split())
    assert Crontab.parse(cron.text) == cron

"""docs/crontab.md says what the code does: its expressions are read, its tables are computed."""

import re
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest

from jobrunner.crontab import Crontab, CrontabError
from jobrunner.crontab.fields import KINDS
from jobrunner.crontab.parse import NICKNAMES
from tests.crontab.test_oracles import DOCUMENT

TEXT = DOCUMENT.read_text(encoding="utf-8")
EXPRESSION = re.compile(r"`((?:[0-9A-Z*/,?#-]+ ){4,5}[0-9A-Z*/,?#-]+)`")
REFUSED = {"0 0 30 2 *", "0 0 31 4,6 *"}
BERLIN = ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize("text", sorted(set(EXPRESSION.findall(TEXT))))
def test_every_expression_is_what_it_is_said_to_be(text):
    if text in REFUSED:
        with pytest.raises(CrontabError):
            Crontab.parse(text)
    else:
        Crontab.parse(text)


def test_every_field_and_word_is_there():
    for kind in KINDS:
        assert f"| {kind.name} " in TEXT
    rows = dict(re.findall(r"^\| (`@.*`) \| `(.*)` \|$", TEXT, re.MULTILINE))
    documented = {word: fields for words, fields in rows.items() for word in re.findall("@[a-z]+", words)}
    assert documented == NICKNAMES


def test_the_table_of_summer_time():
    rows = re.findall(r"^\| `([^`]*)` \| (.*) \| (.*) \|$", TEXT.split("| Europe/Berlin |")[1], re.MULTILINE)[:3]
    assert [row[0] for row in rows] == ["30 2 * * *", "0 2,3 * * *", "*/30 2 * * *"]
    for text, *cells in rows:
        for day, cell in zip(("2026-03-29", "2026-10-25"), cells, strict=True):
            start = datetime.fromisoformat(f"{day}T00:00").replace(tzinfo=BERLIN)
            fires = Crontab.parse(text).matches_between(start, start.replace(hour=12), BERLIN)
            shown = [moment.astimezone(BERLIN).strftime("%H:%M") for moment in fires]
            assert re.findall(r"\d\d:\d\d", cell) == shown, text

"""The kinds of values that settings of services have, and how groups of settings are found."""

from dataclasses import dataclass

import pytest

from jobrunner.errors import InvalidInput
from jobrunner.queue import setting_groups
from jobrunner.queue.setting import Setting, SettingGroup
from jobrunner.queue.settings import load_group, load_settings, set_setting

CHOICE = Setting("shirt", "Shirt", "choice", "M", "Its size.", choices=("S", "M", "L"))
WORDS = Setting("types", "Types", "words", ("Post",), "Of notes.")
FEW = Setting("few", "Few", "words", (), "Of these.", choices=("Post", "Status"))


def checked(text: str) -> str:
    if "!" in text:
        raise InvalidInput("no need to shout")
    return text.lower()


TEXT = Setting("motto", "Motto", "text", "", "What is said.", checked=checked)
GROUP = SettingGroup("Wardrobe", (CHOICE, WORDS, TEXT))


class Point:
    value = "wardrobe:GROUPS"

    def __init__(self, *groups: SettingGroup) -> None:
        self.groups = groups

    def load(self) -> tuple[SettingGroup, ...]:
        if not self.groups:
            raise RuntimeError("moths")
        return self.groups


@pytest.fixture
def declared(monkeypatch):
    """Have packages that declare settings."""

    def declare(*points: Point) -> None:
        monkeypatch.setattr(setting_groups, "entry_points", lambda group: list(points))
        setting_groups._declared.cache_clear()

    yield declare
    monkeypatch.undo()
    setting_groups._declared.cache_clear()


@pytest.mark.parametrize(
    ("setting", "given", "kept"),
    [
        (CHOICE, " l ", "L"),
        (WORDS, "Post, Status ,,Post", ("Post", "Status")),
        (WORDS, ["EmailReceived"], ("EmailReceived",)),
        (WORDS, "", ()),
        (FEW, "status", ("Status",)),
        (TEXT, " Hello ", "hello"),
        (TEXT, "", ""),
    ],
)
def test_what_is_kept(setting, given, kept):
    assert setting.check(given) == kept


@pytest.mark.parametrize(
    ("setting", "given", "sentence"),
    [
        (CHOICE, "XL", "shirt must be S, M or L, got 'XL'"),
        (CHOICE, 3, "shirt must be S, M or L, got 3"),
        (WORDS, 3, "types must be words with commas between them, got 3"),
        (WORDS, ["a,b"], "types must be words"),
        (WORDS, [["a"]], "types must be words"),
        (WORDS, "a\nb", "types must be words"),
        (WORDS, ",".join(f"w{i}" for i in range(101)), "types may hold 100 words, got 101"),
        (FEW, "Stats", "few may not hold 'Stats'; did you mean Status?"),
        (TEXT, "Hey!", "motto: no need to shout"),
        (TEXT, "a\x1bb", "motto must be a text of at most 255 letters"),
        (TEXT, "x" * 256, "motto must be a text of at most 255 letters, got 'xxx"),
    ],
)
def test_what_is_refused(setting, given, sentence):
    with pytest.raises(InvalidInput) as refusal:
        setting.check(given)
    assert str(refusal.value).startswith(sentence)


@dataclass(frozen=True)
class Wardrobe:
    shirt: str = "M"
    types: tuple[str, ...] = ("Post",)
    motto: str = ""


async def test_a_package_has_its_settings_in_the_table(connection, declared):
    declared(Point(GROUP))
    assert await load_group(connection, GROUP, Wardrobe) == Wardrobe()
    await set_setting(connection, "Shirt", "s", "ada")
    row = await set_setting(connection, "types", "Status,EmailReceived", "ada")
    assert (row.value, row.group) == (("Status", "EmailReceived"), "Wardrobe")
    assert await load_group(connection, GROUP, Wardrobe) == Wardrobe("S", ("Status", "EmailReceived"))
    assert (await load_settings(connection)).problems == ()
    await connection.execute("UPDATE jobrunner.setting SET value = '7' WHERE name = 'shirt'")
    assert (await load_group(connection, GROUP, Wardrobe)).shirt == "M"
    (problem,) = (await load_settings(connection)).problems
    assert problem.startswith("shirt must be S, M or L, got 7 (in the table")


async def test_a_package_that_is_no_good_is_named_and_left_out(connection, declared):
    declared(Point(), Point(GROUP), Point(GROUP))
    broken, again = (await load_settings(connection)).problems
    assert broken == "the settings 'wardrobe:GROUPS' could not be loaded (moths): they are left out"
    assert "there is a setting motto already" in again
    assert "Wardrobe" in [group.name for group in setting_groups.declared_groups()]
    assert "Mass mail" in [group.name for group in setting_groups.declared_groups()]


def test_a_large_number_is_written_out():
    setting = Setting("most", "Most", "whole number", 1, "", "mails", 0, 10_000_000)
    assert setting.range == "from 0 to 10,000,000 mails"

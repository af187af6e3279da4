import pytest

from jobrunner.crontab import CrontabError
from jobrunner.definitions import Definition, Registry, Target
from jobrunner.errors import InvalidInput, InvalidJobData, UnknownDefinition
from jobrunner.scheduling import entry
from jobrunner.scheduling.entry import Published


async def send(ctx, to: str, times: int = 1) -> None: ...


async def check(ctx, folder: str, depth: int = 1) -> None: ...


async def accounts(ctx):
    yield Target("Account", "1")


SEND = Definition("SendGreeting", send)
CHECK = Definition("CheckMail", check, targets=accounts)
REMOTE = Published("CallOut", "* * * * *", False, Definition("CallOut", send).parameters_schema())


@pytest.fixture
def registry() -> Registry:
    registry = Registry()
    registry.add(SEND)
    registry.add(CHECK)
    return registry


@pytest.mark.parametrize(
    "name",
    [
        "",
        "   ",
        "x" * 256,
        "a\nb",
        "a\x00b",
        "a\x1b[31mb",
        "a\u202eb",
        "\u200fb",
        "a\u2028b",
        "a\u00a0b",
        "a\ud800b",
        "a\ufeffb",
        "17",
    ],
)
def test_names_that_could_deceive_are_refused(name):
    """H03: in one sentence, without repeating what it refuses."""
    with pytest.raises(InvalidInput) as refused:
        entry.check_name(name)
    assert str(refused.value).isprintable()
    assert "name" in str(refused.value)


@pytest.mark.parametrize(
    "name",
    [
        "Nightly",
        "x" * 255,
        "'; DROP TABLE jobrunner.job; --",
        '"',
        "Rechnungen für März",
        "日報",
        "می\u200cخواهم",
        "🙂",
    ],
)
def test_names_that_are_harmless_are_taken(name):
    """H03."""
    assert entry.check_name(f" {name} ") == name


@pytest.mark.parametrize("text", ["0 0 30 2 *", "0 0 31 2,4,6,9,11 *", "61 * * * *", "", "@reboot", "٣ * * * *"])
def test_crontabs_that_cannot_be_are_refused_at_entry(text):
    """F33 H01."""
    with pytest.raises(CrontabError):
        entry.check_crontab(text)


def test_a_crontab_loses_its_odd_blanks():
    assert entry.check_crontab("  0 0\t29 2   1 ") == "0 0 29 2 1"


@pytest.mark.parametrize("name", ["Mars/Olympus", "", "Europe/Berlin\x00", "../../etc/passwd", "localtime"])
def test_zones_that_are_unknown_are_refused_at_entry(name):
    """F35."""
    with pytest.raises(InvalidInput, match="zone"):
        entry.check_zone(name)


def test_zones():
    assert entry.check_zone("Europe/Berlin") == "Europe/Berlin"
    assert entry.check_zone(None) is None


def test_status():
    assert entry.check_status("inactive") == "Inactive"
    with pytest.raises(InvalidInput, match="Active or Inactive"):
        entry.check_status("on")


@pytest.mark.parametrize("name", ["SendGreeting", "send-greeting", "send_greeting", "CallOut", "call-out"])
def test_definitions_by_name_in_any_form(registry, name):
    found = entry.find_definition(name, registry, {"CallOut": REMOTE})
    assert found in (SEND, REMOTE)


def test_an_unknown_definition_offers_the_nearest(registry):
    """What another daemon knows counts as known."""
    with pytest.raises(UnknownDefinition, match="did you mean SendGreeting"):
        entry.find_definition("SendGreting", registry, {"CallOut": REMOTE})
    with pytest.raises(UnknownDefinition, match="did you mean CallOut"):
        entry.find_definition("CalOut", registry, {"CallOut": REMOTE})


@pytest.mark.parametrize(
    ("definition", "data", "word"),
    [
        (SEND, {}, "'to' is missing"),
        (SEND, {"to": "x", "tmes": 1}, "did you mean times"),
        (SEND, {"to": "x", "times": "many"}, "times"),
        (REMOTE, {}, "'to' is missing"),
        (REMOTE, {"to": "x", "tmes": 1}, "did you mean times"),
        (CHECK, {"floder": "x"}, "did you mean folder"),
        (SEND, ["to"], "JSON object"),
        (SEND, {"to": float("nan")}, "JSON"),
        (SEND, {"to": object()}, "JSON"),
        (SEND, {"to": "\ud800"}, "surrogate"),
        (SEND, {"to": "a\x00b"}, "NUL"),
        (SEND, {1: "x"}, "JSON object"),
    ],
)
def test_data_that_does_not_fit_is_refused_at_entry(definition, data, word):
    """H02: with the field named."""
    with pytest.raises(InvalidJobData, match=word):
        entry.check_data(data, definition)


def test_data_deeper_than_python_goes():
    """H02."""
    deep: dict = {}
    for _ in range(100_000):
        deep = {"to": deep}
    with pytest.raises(InvalidJobData):
        entry.check_data(deep, REMOTE)
    while deep:  # taken apart by hand: Python's own way down is as deep
        deep = deep["to"]


@pytest.mark.parametrize(
    ("definition", "data"),
    [
        (SEND, {"to": "x"}),
        (REMOTE, {"to": "x", "times": "checked at the first run"}),
        (CHECK, {}),
        (CHECK, {"depth": 3}),
        (SEND, {"to": "a\\u0000b"}),
    ],
)
def test_data_that_fits(definition, data):
    """Where a definition fans out, what is missing may come with the targets."""
    import json

    assert json.loads(entry.check_data(data, definition)) == data

"""`jobrunner notifications` and `notification-preferences`, as a person types them."""

from typing import Any

import pytest

from jobrunner.services.notifications import notify
from jobrunner.services.records import add_user
from tests.cli.calling import Call, caller


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str], database_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> Call:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("JOBRUNNER_DATABASE_URL", database_url)
    return caller(capsys)


@pytest.fixture
async def people(connection: Any) -> None:
    await add_user(connection, "Ann", "ann@example.org", id="ann")
    await add_user(connection, "Bob", "bob@example.org", id="bob")
    await add_user(connection, "Bob", None, id="bob2", active=False)


async def test_preferences(call: Call, people: None):
    rows = (await call("notification-preferences", "list")).rows
    assert [row["user_id"] for row in rows] == ["ann", "bob", "bob2"]
    assert rows[0] == {
        "user_id": "ann",
        "user_name": "Ann",
        "email": "ann@example.org",
        "is_active": "yes",
        "is_portal_user": "no",
        "mentions": "yes",
        "stream": "yes",
        "assignments": "yes",
        "ignored_types": "",
        "grouping": "yes",
    }
    done = await call(
        "notification-preferences", "set", "ANN@example.org", "--no-stream", "--ignore-types", "task, Case,email"
    )
    assert (done.code, done.out) == (0, "changed ann Ann\n")
    shown = (await call("notification-preferences", "show", "ann", "--json")).json
    assert (shown["stream"], shown["mentions"], shown["ignored_types"]) == (False, True, ["Task", "Case", "Email"])
    done = await call(
        "notification-preferences", "set", "Ann", "--clear", "ignore-types", "--stream", "--no-grouping", "--json"
    )
    assert (done.json["stream"], done.json["ignored_types"], done.json["grouping"]) == (True, [], False)
    assert (await call("notification-preferences", "list", "--limit", "1")).err.startswith("The first 1 users")


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (("show", "Annn"), 2, "there is no user 'Annn'; did you mean Ann?"),
        (("show", "qqqqqq"), 2, "there is no user 'qqqqqq': name one by id, address or name"),
        (("show", "Bob"), 1, "several users are called 'Bob': name one by its id (bob, bob2)"),
        (("set", "ann"), 2, "nothing to change: give an option"),
        (("set", "ann", "--ignore-types", ""), 2, "--ignore-types is empty: give what it is to be, or `--clear"),
        (
            ("set", "ann", "--ignore-types", "Case,Taskk"),
            2,
            "assignments of the type 'Taskk' are not mailed anyway (assignment_email_notifications_entity_list); did "
            "you mean Task?",
        ),
    ],
)
async def test_what_is_refused(call: Call, people: None, arguments: tuple[str, ...], code: int, sentence: str):
    done = await call("notification-preferences", *arguments)
    assert done.code == code
    assert done.err.startswith(f"Error: {sentence}")
    assert done.err.count("\n") == 1


async def test_notifications(call: Call, people: None, connection: Any):
    """H17: what a post says does nothing to the terminal."""
    first = await notify(connection, "ann", "Post", {"post": "Hi \x1b[31m"}, parent=("Case", "c1"), actor="bob")
    await connection.execute(
        "UPDATE jobrunner.notification SET mail = 'Skipped', finished_at = now(),"
        " mail_reason = 'read before it was sent'"
    )
    second = await notify(connection, "bob", "Mention", {"post": "Hello"})
    rows = (await call("notifications", "list")).rows
    assert [(row["number"], row["user_name"], row["mail"], row["reason"]) for row in rows] == [
        (str(second), "Bob", "Waiting", ""),
        (str(first), "Ann", "Skipped", "read before it was sent"),
    ]
    assert [one["number"] for one in (await call("notifications", "list", "--user", "Ann", "--json")).json] == [first]
    assert [one["number"] for one in (await call("notifications", "list", "--state", "waiting", "--json")).json] == [
        second
    ]
    done = await call("notifications", "show", first)
    assert "reason\tread before it was sent\n" in done.out
    assert "\x1b" not in done.out
    assert (await call("notifications", "show", first, "--json")).json["data"] == {"post": "Hi \x1b[31m"}


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("show", "7"), "there is no notification 7"),
        (("show", str(2**70)), f"there is no notification {2**70}"),
        (("list", "--state", "Sant"), "there is no state 'Sant' of a mail; did you mean Sent?\n"),
        (("list", "--state", "Foo"), "there is no state 'Foo' of a mail; there are Failed, Missed, Sending, Sent, "),
        (("list", "--user", "nobody"), "there is no user 'nobody'"),
    ],
)
async def test_what_is_not_there(call: Call, people: None, arguments: tuple[str, ...], sentence: str):
    done = await call("notifications", *arguments)
    assert done.code == 2
    assert done.err.startswith(f"Error: {sentence}")

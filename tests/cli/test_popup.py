"""`jobrunner reminder` and `jobrunner popup`, as a person types them."""

import json
from typing import Any

import pytest

from jobrunner.db.secrets import Key
from jobrunner.services.popups.run import Run
from tests.cli.calling import Call, caller
from tests.services.popups.support import lender


@pytest.fixture
async def call(capsys, database_url, connection, monkeypatch, tmp_path) -> Call:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("JOBRUNNER_DATABASE_URL", database_url)
    await connection.execute("INSERT INTO jobrunner.app_user (id, name) VALUES ('ann', 'Ann Lee'), ('bob', 'Bob Ray')")
    return caller(capsys)


async def show(connection: Any, *ids: int) -> None:
    """Let the time of reminders come."""
    for id in ids:
        await connection.execute(
            "UPDATE jobrunner.reminder SET next_attempt_at = now() - interval '1 second' WHERE id = $1", id
        )
    await Run(lender(connection)).submit()


async def test_the_life_of_reminders_and_popups(call: Call, connection: Any):
    ids = []
    for name in ("Call Ada", "Water the plants", "Budget"):
        done = await call("reminder", "add", name, "--user", "Ann Lee", "--in", "2h", "--before", "5m", "--json")
        assert done.code == 0, done.err
        assert (done.json["type"], done.json["state"], done.json["record_name"]) == ("Popup", "Waiting", name)
        ids.append(done.json["id"])
    assert (await call("reminder", "remove", ids[2])).out.startswith(f"removed {ids[2]} Popup for Ann Lee")
    rows = (await call("reminder", "list", "--user", "ann")).rows
    assert [row["record_name"] for row in rows] == ["Water the plants", "Call Ada"]
    assert (await call("reminder", "show", ids[0], "--json")).json["seconds"] == 300

    await show(connection, *ids[:2])
    shown = (await call("popup", "list", "ann", "--json")).json
    assert [(row["id"], row["name"], row["seen"]) for row in shown] == [
        (ids[0], "Call Ada", False),
        (ids[1], "Water the plants", False),
    ]
    done = await call("popup", "snooze", "ann", ids[0], "--minutes", 10)
    assert done.out.startswith(f"popup {ids[0]} comes again at ")
    done = await call("popup", "snooze", "ann", ids[1], "--minutes", 7)
    assert (done.code, done.err) == (
        2,
        "Error: a popup is snoozed for 5, 10, 15, 30, 60 minutes or until tomorrow, got 7\n",
    )
    done = await call("popup", "dismiss", "bob", ids[1])
    assert (done.code, done.err) == (
        2,
        f"Error: bob has no open popup {ids[1]}: `jobrunner popup list USER` shows them\n",
    )
    shown = (await call("popup", "list", "ann")).rows
    assert [row["start"][10:11] for row in shown] == [" "], "times as everywhere else, with those of JSON as they are"
    done = await call("popup", "dismiss", "ann", ids[1], 99)
    assert done.err.endswith("shows them; the others are dismissed\n")
    await show(connection, ids[0])
    assert (await call("popup", "dismiss", "ann", "--all")).out == "dismissed 1\n"
    assert json.loads((await call("popup", "list", "ann", "--json")).out) == []
    done = await call("reminder", "remove", ids[1])
    assert (done.code, done.err) == (1, f"Error: reminder {ids[1]} is Dismissed already: there is nothing to remove\n")


async def test_what_is_past_or_unknown_is_refused_and_nothing_written(call: Call, connection: Any):
    done = await call("reminder", "add", "Budget", "--user", "ann", "--at", "2020-01-01T10:00")
    assert (done.code, "is past: nobody would be reminded" in done.err) == (2, True)
    done = await call("reminder", "add", "Budget", "--user", "ann", "--in", "1h", "--by", "pigeon")
    assert (done.code, done.err) == (2, "Error: a reminder is an Email or a Popup, got 'Pigeon'\n")
    for name in ("", " ", "x" * 256, "a\nb"):
        done = await call("reminder", "add", name, "--user", "ann", "--in", "1h")
        assert (done.code, "what it reminds of must be one line of 1 to 255 letters" in done.err) == (2, True)
    assert (await call("reminder", "list", "--state", "Dismised")).err == (
        "Error: no reminder has the state 'Dismised'; did you mean Dismissed or Missed?\n"
    )
    assert await connection.fetchval("SELECT count(*) FROM jobrunner.task") == 0


async def test_a_token_needs_the_secret_key(call: Call, monkeypatch: pytest.MonkeyPatch):
    done = await call("popup", "token", "ann")
    assert (done.code, "JOBRUNNER_SECRET_KEY" in done.err) == (2, True)
    monkeypatch.setenv("JOBRUNNER_SECRET_KEY", Key.new().text)
    done = await call("popup", "token", "ann")
    assert (done.code, len(done.out) > 60) == (0, True), done.err
    done = await call("popup", "token", "ann", "--valid-for", "2h")
    assert (done.code, done.err) == (
        2,
        "Error: the lifetime of a token must be above 0 and at most an hour, got 2:00:00\n",
    )
    assert (await call("popup", "demo", "ann")).out.startswith("http://127.0.0.1:8150/push/demo#token=")

"""`jobrunner settings`, as a person types it."""

import pytest

from jobrunner.queue.engine_settings import SETTINGS
from jobrunner.queue.settings import load_settings


async def test_the_list_has_value_unit_and_range(call):
    done = await call("settings", "list")
    assert (done.code, done.err) == (0, "")
    rows = {row["name"]: row for row in done.rows}
    assert set(SETTINGS) <= set(rows)
    assert rows["daemon_interval"] == {
        "name": "daemon_interval",
        "value": "10",
        "unit": "s",
        "default": "10",
        "range": "from 1 to 3600 s",
        "changed_at": "",
        "changed_by": "",
        "group": "Jobs",
    }
    assert rows["queue_q1_max_portion"]["value"] == "500"


async def test_each_group_is_listed_by_the_word_that_stands_for_it(call):
    groups = {row["group"] for row in (await call("settings", "list")).rows}
    assert "E-mail notifications" in groups
    for group in groups:
        for word in (group, group.upper(), group.lower().replace(" ", "-")):
            done = await call("settings", "list", "--group", word)
            assert (done.code, {row["group"] for row in done.rows}) == (0, {group})
    done = await call("settings", "list", "--group", "notifications")
    assert (done.code, "did you mean e-mail-notifications?" in done.err) == (2, True)


async def test_set_get_and_reset(call, connection):
    done = await call("settings", "set", "jobs-max-portion", "500")
    assert (done.code, done.out, done.err) == (0, "500\n", "")
    assert (await load_settings(connection)).jobs_max_portion == 500
    assert (await call("settings", "get", "jobs_max_portion")).out == "500\n"
    row = (await call("settings", "get", "Jobs Max Portion", "--json")).json
    assert (row["value"], row["default"], row["unit"], row["label"]) == (500, 15, "jobs", "Jobs Max Portion")
    assert "@" in row["changed_by"]
    assert (await call("settings", "reset", "jobs_max_portion")).out == "15\n"
    assert (await load_settings(connection)).jobs_max_portion == 15


@pytest.mark.parametrize(
    ("name", "text", "shown"),
    [
        ("paused", "yes", "true"),
        ("jobs_run_in_parallel", "off", "false"),
        ("queue_q0_weight", "2.50", "2.5"),
        ("time_zone", "Europe/Berlin", "Europe/Berlin"),
        ("queue_my own_concurrency", "7", "7"),
    ],
)
async def test_values_of_every_kind(call, name, text, shown):
    assert (await call("settings", "set", name, text)).out == f"{shown}\n"
    assert (await call("settings", "get", name)).out == f"{shown}\n"
    rows = {row["name"]: row for row in (await call("settings", "list")).rows}
    assert rows[name]["value"] == shown
    assert rows["paused"]["default"] == "false"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("set", "daemon_interval", "0"), "daemon_interval must be a whole number from 1 to 3600 s, got '0'"),
        (("set", "daemon_interval", "-1"), "daemon_interval must be a whole number from 1 to 3600 s, got '-1'"),
        (("set", "daemon_intervall", "5"), "there is no setting 'daemon_intervall'; did you mean daemon_interval?"),
        (("get", "paussed"), "there is no setting 'paussed'; did you mean paused?"),
        (("reset", "nothing_like_it"), "there is no setting 'nothing_like_it'; `jobrunner settings list` shows all"),
        (("set", "queue_main_max_portion", "5"), "queue_main_max_portion is called jobs_max_portion: set that"),
        (("set", "time_zone", "Berlin"), "time_zone: there is no time zone 'Berlin'; did you mean Europe/Berlin?"),
    ],
)
async def test_mistakes_are_refused(call, connection, arguments, sentence):
    done = await call("settings", *arguments)
    assert (done.code, done.out, done.err) == (2, "", f"Error: {sentence}\n")
    assert await connection.fetchval("SELECT count(*) FROM jobrunner.setting") == 0


async def test_what_is_broken_by_hand_is_pointed_out(call, connection):
    await connection.execute("INSERT INTO jobrunner.setting (name, value) VALUES ('daemon_interval', '0'), ('x', '1')")
    done = await call("settings", "list")
    assert done.code == 0
    assert "Warning: daemon_interval must be a whole number from 1 to 3600 s, got 0 (in the table" in done.err
    assert "Warning: there is no setting 'x'" in done.err
    done = await call("settings", "get", "daemon_interval")
    assert (done.code, done.out) == (0, "10\n")
    assert "10 counts instead" in done.err
    assert (await call("settings", "reset", "x")).code == 0
    assert (await call("settings", "reset", "daemon_interval")).out == "10\n"
    assert (await call("settings", "list")).err == ""


async def test_a_database_without_our_schema(call, empty_database_url):
    done = await call("settings", "list", "--database-url", empty_database_url)
    assert (done.code, done.out) == (1, "")
    assert "`jobrunner migrate`" in done.err

import platform
import sys
from importlib.metadata import version

import pytest

from jobrunner.db.migrations import revisions
from jobrunner.definitions import registry
from tests.cli.calling import caller
from tests.queue.stage import Stage

MODULE = """
from jobrunner.definitions import Target, job

async def all_accounts(ctx):
    yield Target("Account", "a1")

@job("CheckAccounts", queue="m0", targets=all_accounts, crontab="*/5 * * * *")
async def check_accounts(ctx):
    pass

@job
def crunch(number: int):
    pass
"""


@pytest.fixture
def stage(connection):
    return Stage(connection)


@pytest.fixture
def call(capsys, database_url, monkeypatch, tmp_path):
    (tmp_path / "accounts_of_test.py").write_text(MODULE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(registry, "_definitions", {})
    monkeypatch.setattr(registry, "problems", [])
    monkeypatch.setenv("JOBRUNNER_DATABASE_URL", database_url)
    yield caller(capsys)
    sys.modules.pop("accounts_of_test", None)


async def test_every_job_with_kind_schedule_and_last_run(call, stage):
    schedule = await stage.schedule("Check", job="CheckAccounts")
    await stage.schedule("Asleep", job="CheckAccounts", status="Inactive")
    job = await stage.run("Failed", name="CheckAccounts")
    await stage.connection.execute("UPDATE jobrunner.job_history SET scheduled_job_id = $1", schedule)
    await stage.publish("Elsewhere", blocking=True, queue="q1")
    await stage.daemon("two", definitions=["Elsewhere"])
    done = await call("--import", "accounts_of_test", "app-info", "--jobs")
    assert done.code == 0
    rows = {row["name"]: row for row in done.rows}
    accounts = rows["CheckAccounts"]
    assert (accounts["kind"], accounts["queue"], accounts["fans_out"]) == ("coroutine", "m0", "yes")
    assert accounts["schedules"] == "0 4 * * * (Inactive), 0 4 * * *"
    assert (accounts["last_run"], accounts["known_to"]) == ("Failed", "this process")
    assert (rows["Crunch"]["kind"], rows["Crunch"]["last_run"]) == ("blocking", "")
    assert (rows["Elsewhere"]["kind"], rows["Elsewhere"]["known_to"]) == ("blocking", "two")
    told = {
        one["name"]: one for one in (await call("--import", "accounts_of_test", "app-info", "--jobs", "--json")).json
    }
    assert told["CheckAccounts"]["last_run"]["id"] == job
    assert [one["name"] for one in told["CheckAccounts"]["schedules"]] == ["Asleep", "Check"]
    assert (told["Elsewhere"]["is_here"], told["Elsewhere"]["daemons"]) == (False, ["two"])


async def test_a_module_that_does_not_load_is_named(call):
    """H24: the others are listed all the same."""
    done = await call("app-info", "--jobs", "--import", "no_such_module", "--import", "accounts_of_test")
    assert done.code == 0
    assert "Warning: the module 'no_such_module' could not be imported" in done.err
    assert "CheckAccounts" in {row["name"] for row in done.rows}


@pytest.mark.parametrize("flags", [[], ["--jobs"]])
async def test_each_warning_is_said_once(call, monkeypatch, flags):
    monkeypatch.setenv("JOBRUNNER_DATABSE_URL", "x")
    done = await call("app-info", *flags, "--import", "no_such_module")
    assert done.err.count("the module 'no_such_module' could not be imported") == 1


async def test_without_a_flag_it_says_what_there_is(call, stage, database_url):
    await stage.daemon("one")
    await stage.daemon("gone", lease=-5)
    done = await call("app-info", "--import", "accounts_of_test")
    assert done.code == 0
    told = dict(line.split("\t") for line in done.lines)
    assert told["jobrunner"] == version("jobrunner")
    assert told["python"] == platform.python_version()
    assert told["database"].startswith("PostgreSQL ")
    assert told["schema"] == revisions()[-1]
    assert told["daemons"].startswith("one (host host, process 42, jobrunner ")
    assert "gone" not in told["daemons"]
    assert told["modules"] == "accounts_of_test"
    assert "CheckAccounts" in told["jobs_here"]
    assert "app-info --jobs" in done.err
    assert "--json" in done.err
    as_json = (await call("app-info", "--json", "--import", "accounts_of_test")).json
    assert as_json["database"]["schema"] == revisions()[-1]
    assert as_json["database"]["embedded"] is False
    assert [one["name"] for one in as_json["daemons"]] == ["one"]
    assert (as_json["modules"], as_json["python"]) == (["accounts_of_test"], platform.python_version())


@pytest.mark.parametrize("flags", [[], ["--json"]])
async def test_without_a_database_it_says_the_rest_and_fails(call, flags):
    """H21"""
    done = await call("app-info", *flags, "--database-url", "postgresql://crm:canary-51c9@127.0.0.1:1/crm")
    assert done.code == 1
    assert platform.python_version() in done.out
    assert "Error: cannot use the database" in done.err
    assert "canary" not in done.out + done.err


async def test_before_the_first_migration_it_says_so(call, empty_database_url):
    told = (await call("app-info", "--json", "--database-url", empty_database_url)).json
    assert (told["database"]["schema"], told["daemons"]) == (None, [])


async def test_an_unknown_flag_is_two(call):
    done = await call("app-info", "--containers")
    assert (done.code, done.out) == (2, "")
    assert "--containers" in done.err

import pytest

from jobrunner.queue.settings import set_setting
from tests.cli.calling import caller
from tests.queue.stage import Stage


@pytest.fixture
def stage(connection):
    return Stage(connection)


async def test_all_well_is_zero(call, stage):
    await stage.daemon("one", running=0, held=3, fenced=1)
    await stage.schedule("Nightly")
    await stage.run("Failed", error="ValueError: no")
    done = await call("status")
    assert (done.code, done.err) == (0, "")
    assert done.lines[0] == "All well: 1 schedule on time, 0 late, 1 failed today"
    sections = [section.splitlines() for section in done.out.split("\n\n")[1:]]
    assert [line.split("\t")[:2] for line in sections[0][1:]] == [
        ["Pending", "0"],
        ["Running", "0"],
        ["Success", "0"],
        ["Failed", "1"],
        ["Cancelled", "0"],
    ]
    assert sections[1][1].split("\t")[:3] == ["1", "Send", "ValueError: no"]
    daemon = dict(zip(sections[2][0].split("\t"), sections[2][1].split("\t"), strict=True))
    assert (daemon["daemon"], daemon["held"], daemon["fenced"], daemon["healthy"]) == ("one", "3", "1", "yes")


async def test_a_warning_is_one(call, stage):
    """F13, F14, F19: shown here until there is a server with /readyz and /healthz."""
    await stage.daemon("one", listening=False, unhealthy=["sweep"])
    done = await call("status")
    assert done.code == 1
    assert done.lines[0].startswith("Warning: one (host host, process 42) is not reached by notifications")
    assert "(and 1 more)" in done.lines[0]
    assert done.lines[1].startswith("Warning: one (host host, process 42) has parts that do not work: sweep")
    assert done.lines[2] == ""


async def test_what_is_out_of_the_ordinary_is_said_once(call, stage):
    """Daemons say of the settings what stands in the table; what the sentence says is not repeated below it."""
    await stage.connection.execute("INSERT INTO jobrunner.setting (name, value) VALUES ('daemon_interval', '0')")
    problem = (await call("settings", "get", "daemon_interval")).err.strip().removeprefix("Warning: ")
    await stage.daemon("one", problems=[problem, "the module 'x' could not be imported"])
    done = await call("status")
    assert done.out.count(problem) == 1
    assert done.out.count("the module 'x'") == 1
    codes = [one["code"] for one in (await call("status", "--json")).json["exceptions"]]
    assert sorted(codes) == ["Problem", "SettingProblem"]


async def test_critical_is_two(call, stage):
    await stage.enqueue()
    done = await call("status")
    assert (done.code, done.err) == (2, "")
    assert done.lines[0] == (
        "Critical: no daemon is running while 1 job is due; 0 schedules on time, 0 late, 0 failed today"
    )


async def test_as_json(call, stage):
    await stage.daemon("one")
    await set_setting(stage.connection, "paused", True, "ada")
    done = await call("status", "--json")
    assert done.code == 1
    told = done.json
    assert (told["level"], told["exit_code"]) == ("Warning", 1)
    assert told["sentence"].startswith("Warning: processing is paused by ada")
    assert [(one["level"], one["code"]) for one in told["exceptions"]] == [("Warning", "Paused")]
    assert told["jobs"] == {"Pending": 0, "Running": 0, "Success": 0, "Failed": 0, "Cancelled": 0}
    assert told["schedules"] == {"active": 0, "late": 0, "with_problem": 0, "on_time": 0}
    assert told["paused"]["by"] == "ada"
    assert told["oldest_due"] is None
    (daemon,) = told["daemons"]
    assert (daemon["name"], daemon["alive"], daemon["healthy"], daemon["queues"]) == ("one", True, True, None)
    assert isinstance(daemon["id"], str)


@pytest.mark.parametrize("options", [[], ["--json"]])
async def test_a_database_that_is_away_is_critical(capsys, monkeypatch, options):
    """H21: said where monitoring reads it, without the password."""
    monkeypatch.setenv("JOBRUNNER_DATABASE_URL", "postgresql://crm:canary-51c9@127.0.0.1:1/crm")
    done = await caller(capsys)("status", *options)
    assert (done.code, done.err) == (2, "")
    sentence = done.json["sentence"] if options else done.out
    assert sentence.startswith("Critical: cannot use the database")
    assert "canary" not in done.out


async def test_a_database_without_our_tables_is_critical(capsys, monkeypatch, empty_database_url):
    monkeypatch.setenv("JOBRUNNER_DATABASE_URL", empty_database_url)
    done = await caller(capsys)("status")
    assert done.code == 2
    assert "`jobrunner migrate`" in done.out

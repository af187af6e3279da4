import pytest

from jobrunner.definitions import Definition
from jobrunner.queue.catalogue import RUNS_LOOKED_AT, list_definitions
from tests.queue.stage import Stage


@pytest.fixture
def stage(connection):
    return Stage(connection)


async def send():
    """A coroutine job."""


def crunch():
    """A blocking job."""


async def test_what_this_process_and_the_daemons_know_is_one_list(stage):
    await stage.publish("Elsewhere", blocking=True, queue="q1", crontab="0 1 * * *")
    await stage.daemon("two", definitions=["Elsewhere", "Send"])
    await stage.daemon("one", definitions=["Elsewhere"])
    await stage.daemon("dead", definitions=["Elsewhere"], lease=-1)
    await stage.publish("Send")
    known = [Definition("Send", send, queue="q0", deadline=5.0), Definition("Crunch", crunch)]
    entries = {entry.name: entry for entry in await list_definitions(stage.connection, known)}
    assert list(entries) == ["Crunch", "Elsewhere", "Send"]
    assert [entries[name].kind for name in entries] == ["blocking", "blocking", "coroutine"]
    assert entries["Elsewhere"].daemons == ["one", "two"]
    assert (entries["Elsewhere"].is_here, entries["Elsewhere"].crontab) == (False, "0 1 * * *")
    assert entries["Send"].daemons == ["two"]
    assert (entries["Send"].is_here, entries["Send"].queue, entries["Send"].deadline) == (True, "q0", 5.0)
    assert entries["Crunch"].daemons == []


async def test_schedules_and_last_runs(stage):
    nightly = await stage.schedule("Nightly")
    await stage.schedule("Asleep", status="Inactive")
    old = await stage.run("Failed")
    await stage.connection.execute("UPDATE jobrunner.job_history SET scheduled_job_id = $2 WHERE id = $1", old, nightly)
    adhoc = await stage.run("Success", name="Crunch")
    known = [Definition("Send", send), Definition("Crunch", crunch), Definition("Never", send)]
    entries = {entry.name: entry for entry in await list_definitions(stage.connection, known)}
    assert [(one.name, one.status) for one in entries["Send"].schedules] == [
        ("Asleep", "Inactive"),
        ("Nightly", "Active"),
    ]
    assert (entries["Send"].last_run.id, entries["Send"].last_run.status) == (old, "Failed")
    assert (entries["Crunch"].last_run.id, entries["Crunch"].last_run.status) == (adhoc, "Success")
    assert entries["Never"].last_run is None


async def test_the_last_run_of_a_schedule_is_found_behind_many_others(stage):
    nightly = await stage.schedule("Nightly")
    old = await stage.run("Success")
    await stage.connection.execute("UPDATE jobrunner.job_history SET scheduled_job_id = $2 WHERE id = $1", old, nightly)
    await stage.connection.execute(
        "INSERT INTO jobrunner.job_history (id, execute_at, created_at, finished_at, priority, attempt, max_attempts,"
        " status, blocking, preparing, name, queue, data)"
        " SELECT 1000000 + g, now(), now(), now(), 0, 1, 3, 'Success', false, false, 'Other', 'main', '{}'"
        " FROM generate_series(1, $1::integer) AS g",
        RUNS_LOOKED_AT + 10,
    )
    (entry,) = await list_definitions(stage.connection, [Definition("Send", send)])
    assert entry.last_run.id == old

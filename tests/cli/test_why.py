import asyncio

import pytest

from jobrunner.queue.settings import set_setting
from tests.cli.terminal import on_a_terminal
from tests.queue.stage import Stage


@pytest.fixture
def stage(connection):
    return Stage(connection)


async def test_the_most_decisive_reason_comes_first(call, stage):
    job = await stage.enqueue()
    await set_setting(stage.connection, "paused", True, "ada")
    done = await call("why", job)
    assert (done.code, done.err) == (0, "")
    assert done.lines[0].startswith(f"job {job} (Send) is Pending: processing is paused by ada since 2")
    assert done.lines[1:] == [
        "  also: no daemon is running: `jobrunner daemon` starts one",
        "  also: it is ready, and first of the coroutine jobs of the queue 'main'",
    ]


async def test_on_a_terminal_its_sentences_are_broken_between_words(call, stage):
    job = await stage.enqueue()
    await set_setting(stage.connection, "paused", True, "ada")
    whole = (await call("why", job)).lines
    seen = await asyncio.to_thread(on_a_terminal, "-m", "jobrunner", "why", str(job), columns=60)
    lines = seen.screen.splitlines()
    assert max(map(len, lines)) <= 60
    assert " ".join(line.strip() for line in lines) == " ".join(line.strip() for line in whole)
    assert all(
        line.startswith("  ")
        for line in lines[lines.index("  also: no daemon is running: `jobrunner daemon` starts one") :]
    )


async def test_as_json(call, stage):
    first, second = [await stage.enqueue(group_name="g") for _ in range(2)]
    await stage.look()
    answer = (await call("why", second, "--json")).json
    assert (answer["job_id"], answer["name"], answer["status"]) == (second, "Send", "Pending")
    assert [reason["code"] for reason in answer["reasons"]] == ["Group", "NoDaemon"]
    assert answer["reasons"][0]["facts"]["open_job"] == first
    assert "runs one job at a time" in answer["reasons"][0]["sentence"]


async def test_of_a_job_that_has_ended(call, stage):
    job = await stage.run("Failed", error="ValueError: no")
    done = await call("why", job)
    assert done.out.startswith(f"job {job} (Send) is Failed: it failed at 2")
    assert done.out.endswith("after 1 attempt: ValueError: no\n")


@pytest.mark.parametrize("command", [("why",), ("jobs", "show"), ("jobs", "retry"), ("jobs", "cancel")])
async def test_what_is_no_id(call, command):
    done = await call(*command, "abc")
    assert (done.code, done.out) == (2, "")
    assert "'abc' is no job's id, which is a whole number: `jobrunner jobs list` shows them" in done.err

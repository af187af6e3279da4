"""A run that is killed, frozen or cut off from its database: nobody is left out, nobody gets two."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from tests.services.mail.smtp.scripted_server import ScriptedServer
from tests.services.massmail.sending.stage import HoldingServer, Stage


async def running_job(stage: Stage, claim: int) -> int:
    """Queue a job and claim it as a daemon does."""
    job = await stage.pool.fetchval("SELECT jobrunner.enqueue('ProcessMassEmail', unique_key => $1)", f"test {claim}")
    await stage.pool.execute(
        "UPDATE jobrunner.job SET status = 'Running', claim_id = $2, started_at = now() WHERE id = $1", job, claim
    )
    return job


@asynccontextmanager
async def sender(stage: Stage, url: str, job: int) -> AsyncIterator[Any]:
    """A run in a process of its own; killed at the end."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.services.massmail.sending.sender", url, str(job)
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def lose(stage: Stage, job: int) -> None:
    """The sweep takes the job's claim back."""
    await stage.pool.execute("UPDATE jobrunner.job SET claim_id = 999 WHERE id = $1", job)


STEPS = ["GREETING", "EHLO", "MAIL", "RCPT", "DATA", "DOT"]


@pytest.mark.parametrize(
    ("step", "policy"),
    [*((step, "hold") for step in STEPS), *((s, p) for s in ("RCPT", "DOT") for p in ("retry", "assume_sent"))],
)
async def test_killed_at_a_step_of_the_dialogue(stage: Stage, database_url: str, step: str, policy: str):
    """F02: killed at each step, then continued. Only `retry` ever makes a second accepted copy."""
    async with HoldingServer(step) as server:
        await stage.add_mailing(server.port, 10, account={"uncertain_policy": policy})
        job = await running_job(stage, 1)
        async with sender(stage, database_url, job) as process:
            async with asyncio.timeout(30):
                await server.held.wait()
            process.send_signal(signal.SIGKILL)
            await process.wait()
        server.goes_on.set()
        sending = await stage.pool.fetch("SELECT email_address FROM jobrunner.queue_item WHERE status = 'Sending'")
        assert len(sending) == 1, "all else was Pending still: only what was marked is in doubt"
        await lose(stage, job)
        report = await stage.run(job_id=await running_job(stage, 2))
        assert report.lost == 1
        while (await stage.counts()).get("Pending"):
            await stage.come()
            await stage.run()

    (victim,) = (row["email_address"] for row in sending)
    copies = [m.recipients[0] for m in server.messages]
    others = {f"<a{n}@d{n}.example.net>" for n in range(10)} - {f"<{victim}>"}
    assert others <= set(copies)
    arrived = step == "DOT"
    assert copies.count(f"<{victim}>") == {"retry": 1 + arrived}.get(policy, int(arrived))
    assert len(copies) == len(others) + copies.count(f"<{victim}>")
    state = {"hold": "Uncertain"}.get(policy, "Sent")
    assert (await stage.item(victim))["state"] == state
    assert await stage.state() == ("Complete", None)


async def test_a_frozen_run_that_wakes_changes_nothing(stage: Stage, database_url: str):
    """F04: frozen after the message, its claim lost; what it knows when it wakes meets no row."""
    async with ScriptedServer() as server:
        await stage.add_mailing(server.port, 60, account={"max_connections": 1})
        job = await running_job(stage, 1)
        async with sender(stage, database_url, job) as process:
            await server.until("DOT")
            process.send_signal(signal.SIGSTOP)
            await lose(stage, job)
            report = await stage.run(job_id=await running_job(stage, 2))
            process.send_signal(signal.SIGCONT)
            async with asyncio.timeout(30):
                assert await process.wait() == 0

    assert report.lost <= 1
    counts = await stage.counts()
    assert counts.get("Uncertain", 0) == report.lost
    assert counts["Sent"] + counts.get("Uncertain", 0) == 60
    assert len(server.messages) == len({m.recipients[0] for m in server.messages}) == 60


@pytest.mark.parametrize(("step", "state"), [("RCPT", "Pending"), ("DOT", "Uncertain")])
async def test_cancelled_at_the_final_dot_it_is_in_doubt_and_before_it_it_is_not(stage: Stage, step: str, state: str):
    async with HoldingServer(step) as server:
        await stage.add_mailing(server.port, 1)
        running = asyncio.create_task(stage.run())
        await server.held.wait()
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running
        server.goes_on.set()

    assert await stage.counts() == {state: 1}
    assert await stage.pool.fetchval("SELECT count(*) FROM jobrunner.queue_item WHERE sender_token IS NOT NULL") == 0


async def test_the_answer_to_a_commit_is_lost(stage: Stage):
    """F03: connections to the database are cut again and again; every statement may be run twice."""
    stop = asyncio.Event()

    async def cut() -> None:
        while not stop.is_set():
            await stage.pool.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid() AND query LIKE '%jobrunner.%'"
            )
            await asyncio.sleep(0.15)

    async with ScriptedServer(pipelining=True) as server:
        await stage.add_mailing(server.port, 400, account={"max_connections": 4})
        await stage.pool.fetch("SELECT * FROM jobrunner.build_mailing($1)", stage.mailing)
        cutting = asyncio.create_task(cut())
        try:
            report = await stage.run()
        finally:
            stop.set()
            await cutting
        while (await stage.counts()).get("Pending"):
            await stage.run()

    assert report.items["Uncertain"] == 0
    assert len(server.messages) == len({m.recipients[0] for m in server.messages}) == 400
    assert await stage.counts() == {"Sent": 400}

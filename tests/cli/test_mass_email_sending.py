"""`jobrunner mass-email test` and `status --follow`, against a mail server that is scripted."""

import asyncio

import asyncpg
import pytest

from tests.cli.calling import caller
from tests.services.mail.smtp.scripted_server import ScriptedServer
from tests.services.massmail.sending.stage import KEY, SITE, Stage, to


@pytest.fixture
def call(capsys, database_url, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("JOBRUNNER_DATABASE_URL", database_url)
    monkeypatch.setenv("JOBRUNNER_SITE_URL", SITE)
    monkeypatch.setenv("JOBRUNNER_SECRET_KEY", KEY)
    return caller(capsys)


async def test_a_test_mail_says_what_became_of_it(call, database_url):
    async with (
        asyncpg.create_pool(database_url, min_size=0, max_size=4) as pool,
        ScriptedServer(script={"RCPT": to("no@example.com", "550 5.1.1 nobody")}) as server,
    ):
        await Stage(pool, database_url).add_mailing(server.port, 2, starts=False)
        done = await call("mass-email", "test", "May", "--to", "ada@example.com", "--to", "no@example.com")
        one = await pool.fetchval("SELECT id FROM jobrunner.contact ORDER BY id LIMIT 1")
        of_target = await call("mass-email", "test", "May", "--target", f"contact:{one}", "--json")

    assert done.code == 1
    assert done.lines == [
        "ada@example.com: taken: 250 2.0.0 queued (answer to the end of the message)",
        "no@example.com: not taken: 550 5.1.1 nobody (answer to RCPT)",
    ]
    assert of_target.code == 0
    assert [(row["address"], row["outcome"]) for row in of_target.json] == [("a0@d0.example.net", "accepted")]


async def test_what_is_missing_is_said(call, database_url):
    async with asyncpg.create_pool(database_url, min_size=0, max_size=2) as pool:
        await Stage(pool, database_url).add_mailing(2525, 1, starts=False)
        nobody = await call("mass-email", "test", "May")
        wrong = await call("mass-email", "test", "May", "--target", "Contacts:7")

    assert (nobody.code, nobody.err) == (2, "Error: name who gets the test: --to ADDRESS or --target TYPE:ID\n")
    assert wrong.code == 2
    assert "did you mean Contact?" in wrong.err


async def test_following_it_to_its_end(call, database_url):
    async with asyncpg.create_pool(database_url, min_size=0, max_size=8) as pool, ScriptedServer() as server:
        stage = Stage(pool, database_url)
        await stage.add_mailing(server.port, 5)
        following = asyncio.create_task(call("mass-email", "status", "May", "--follow"))
        await stage.run()
        done = await following

    assert done.code == 0
    assert "May: Complete, 5 of 5 mails" in done.err
    assert "sent\t5" in done.out


async def test_what_is_in_doubt_is_settled_by_a_person(call, database_url):
    async with asyncpg.create_pool(database_url, min_size=0, max_size=8) as pool, ScriptedServer() as server:
        stage = Stage(pool, database_url)
        await stage.add_mailing(server.port, 2)
        await stage.run()
        before = (await stage.item())["message_id"]
        await pool.execute("DELETE FROM jobrunner.campaign_log")
        await pool.execute("UPDATE jobrunner.queue_item SET status = 'Uncertain', sent_at = NULL")
        shown = await call("mass-email", "status", "May")
        undecided = await call("mass-email", "settle", "May")
        again = await call("mass-email", "settle", "May", "--retry")
        assert again.code == 0, again.err
        assert await stage.counts() == {"Pending": 2}
        await stage.run()
        assert await stage.state() == ("Complete", None)
        assert (await stage.item())["message_id"] == before
        assert len(server.messages) == 4

        await pool.execute("DELETE FROM jobrunner.campaign_log")
        await pool.execute("UPDATE jobrunner.queue_item SET status = 'Uncertain', sent_at = NULL")
        sent = await call("mass-email", "settle", "May", "--sent")
        assert await stage.counts() == {"Sent": 2}
        assert [action for action, _, _ in await stage.log()] == ["Sent", "Sent"]

    assert "2 uncertain: " in shown.out
    assert "mass-email settle May --retry" in shown.out
    assert (undecided.code, again.lines, sent.lines) == (
        2,
        ["2 uncertain: sent once more"],
        ["2 uncertain: counted as sent"],
    )

"""A run sends a mass e-mail from beginning to end."""

import asyncio
import re
from typing import Any

import pytest

from jobrunner.services.massmail.sending.dispatch import LEASED_PER_CONNECTION
from jobrunner.services.massmail.sending.letters import Writer
from tests.services.mail.smtp.scripted_server import ScriptedServer
from tests.services.massmail.sending.stage import SITE, HoldingServer, Stage, to


async def test_everybody_gets_one(stage: Stage):
    async with ScriptedServer(pipelining=True) as server:
        await stage.add_mailing(server.port, 40)
        report = await stage.run()

    assert report.as_dict() == {
        "built": 1,
        "sent": 40,
        "deferred": 0,
        "failed": 0,
        "skipped": 0,
        "uncertain": 0,
        "lost": 0,
        "completed": 1,
        "has_more": False,
    }
    assert sorted(m.recipients[0] for m in server.messages) == sorted(f"<a{n}@d{n}.example.net>" for n in range(40))
    assert await stage.state() == ("Complete", None)
    assert await stage.counts() == {"Sent": 40}
    assert [action for action, _, _ in await stage.log()] == ["Sent"] * 40
    assert server.most_open == 2


async def test_what_a_recipient_sees(stage: Stage, parse: Any):
    async with ScriptedServer() as server:
        await stage.add_mailing(
            server.port,
            1,
            body="<body><p>Dear {Person.name}</p><p>{Contact.city}{Lead.name}</p></body>",
            from_address="may@example.com",
            reply_to_address="help@example.com",
            reply_to_name="Help",
        )
        await stage.set(mass_email_open_tracking=True)
        await stage.pool.execute('UPDATE jobrunner.contact SET fields = \'{"city": "<Ulm>"}\'')
        await stage.run()

    (received,) = server.messages
    message = parse(received.data)
    item = await stage.item()
    token = item["token"].hex
    assert received.sender.startswith("<may@example.com>")
    assert message["From"] == "The News <may@example.com>"
    assert message["Sender"] == "The News <news@example.com>"
    assert message["Reply-To"] == "Help <help@example.com>"
    assert message["To"] == "F0 L0 <a0@d0.example.net>"
    assert message["Subject"] == "News for F0"
    assert message["Message-ID"] == f"<{token}@example.com>" == item["message_id"]
    assert message["X-Queue-Item-Id"] == str(item["id"])
    assert message["Precedence"] == "bulk"
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["X-Auto-Response-Suppress"] == "AutoReply"
    assert message["Feedback-ID"] == f"1:{stage.mailing}:newsletter:example.com"
    assert message["List-Id"] == f"<list-{stage.list}.example.com>"
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    link = re.fullmatch(rf"<({SITE}/unsubscribe/[a-z2-7]{{55}})>", message["List-Unsubscribe"])
    assert link is not None
    assert b"\r\nList-Unsubscribe: <" in received.data
    html, text = message.get_body(("html",)).get_content(), message.get_body(("plain",)).get_content()
    assert "Dear F0 L0" in html
    assert "Dear F0 L0" in text
    assert "&lt;Ulm&gt;" in html
    assert link[1] in html
    assert link[1] in text
    assert f"{SITE}/o/" in html
    assert html.index(f"{SITE}/o/") < html.index("</body>")


async def test_the_log_says_in_words_who_is_left_out(stage: Stage, caplog: pytest.LogCaptureFixture):
    async with ScriptedServer() as server:
        await stage.add_mailing(server.port, 3)
        await stage.pool.execute("UPDATE jobrunner.email_address SET opted_out = true WHERE key LIKE 'a1@%'")
        with caplog.at_level("INFO"):
            await stage.run()
    assert any(text.endswith(": 2 mails to send, left out: 1 opted out") for text in caplog.messages)


async def test_an_informational_mail_goes_to_who_opted_out_and_has_no_link(stage: Stage, parse: Any):
    async with ScriptedServer() as server:
        await stage.add_mailing(server.port, 2, campaign="Informational Email")
        await stage.set(mass_email_open_tracking=True)
        await stage.pool.execute("UPDATE jobrunner.email_address SET opted_out = true")
        await stage.run()

    assert len(server.messages) == 2
    message = parse(server.messages[0].data)
    assert message["List-Unsubscribe"] is None
    assert SITE not in server.messages[0].data.decode()


async def test_bounces_come_to_an_address_of_each_mail_and_notifications_of_delivery_are_asked_for(stage: Stage):
    async with ScriptedServer(offers=["8BITMIME", "DSN"]) as server:
        await stage.add_mailing(server.port, 1)
        await stage.set(mass_email_verp=True)
        await stage.run()

    item = await stage.item()
    mail, rcpt = (next(c for c in server.commands if c.startswith(word)) for word in ("MAIL", "RCPT"))
    assert re.fullmatch(rf"MAIL FROM:<bounces\+[a-z2-7]{{55}}@example\.com> RET=HDRS ENVID={item['token'].hex}", mail)
    assert rcpt == "RCPT TO:<a0@d0.example.net> NOTIFY=FAILURE,DELAY ORCPT=rfc822;a0@d0.example.net"


async def test_a_mailing_without_https_is_paused_with_the_reason(stage: Stage):
    async with ScriptedServer() as server:
        await stage.add_mailing(server.port, 1)
        stage.configuration = stage.configuration.model_copy(update={"site_url": "http://crm.example.com"})
        await stage.run()

    status, reason = await stage.state()
    assert status == "Paused"
    assert reason is not None
    assert "must be https" in reason
    assert server.messages == []


async def test_without_its_template_it_fails_and_its_items_with_it(stage: Stage):
    async with ScriptedServer() as server:
        await stage.add_mailing(server.port, 2)
        await stage.pool.execute("UPDATE jobrunner.mass_email SET email_template_id = NULL")
        await stage.run()

    assert await stage.state() == ("Failed", "its template is gone")
    assert await stage.counts() == {"Failed": 2}


async def test_an_account_that_cannot_be_used_pauses_it(stage: Stage):
    async with ScriptedServer() as server:
        await stage.add_mailing(server.port, 2)
        await stage.pool.execute("UPDATE jobrunner.smtp_account SET status = 'Inactive'")
        await stage.run()

    status, reason = await stage.state()
    assert (status, "is not active" in str(reason)) == ("Paused", True)
    assert await stage.counts() == {"Pending": 2}


async def test_a_campaign_that_is_inactive_holds_it_back(stage: Stage):
    async with ScriptedServer() as server:
        await stage.add_mailing(server.port, 2)
        await stage.pool.execute("UPDATE jobrunner.campaign SET status = 'Inactive'")
        await stage.run()
        assert await stage.state() == ("Pending", None)
        await stage.pool.execute("UPDATE jobrunner.campaign SET status = 'Active'")
        await stage.run()

    assert len(server.messages) == 2


async def test_mails_to_one_domain_go_over_so_many_connections_at_most(stage: Stage):
    busy = most_busy = 0
    async with ScriptedServer() as server:
        await stage.add_mailing(
            server.port,
            [f"a{n}@example.net" for n in range(20)],
            account={"max_connections": 4, "domain_concurrency": 1},
        )

        def begin(command: str) -> None:
            nonlocal busy, most_busy
            busy += 1
            most_busy = max(most_busy, busy)

        def end(command: str) -> None:
            nonlocal busy
            busy -= 1

        server.script = {"MAIL": begin, "DOT": end}
        await stage.run()

    assert len(server.messages) == 20
    assert most_busy == 1


async def test_a_rate_of_the_account_is_kept_and_the_rest_follows(stage: Stage):
    async with ScriptedServer() as server:
        await stage.add_mailing(server.port, 30, account={"rate_per_hour": 360})
        report = await stage.run()

    assert 1 <= len(server.messages) < 30
    assert report.items["Sent"] == len(server.messages)
    assert (await stage.counts())["Pending"] == 30 - len(server.messages)
    assert await stage.state() == ("In Process", None)
    assert await stage.pool.fetchval("SELECT count(*) FROM jobrunner.queue_item WHERE sender_token IS NOT NULL") == 0
    assert await stage.wakes() >= 2, "started, and planned for when there is allowance again"


async def test_a_rate_that_is_lowered_amid_a_run_counts_at_the_next_allowance(stage: Stage):
    async with HoldingServer("DOT") as server:
        await stage.add_mailing(server.port, 60, account={"max_connections": 1, "rate_per_hour": 360_000})
        run = asyncio.create_task(stage.run())
        await server.held.wait()
        await stage.pool.execute("UPDATE jobrunner.smtp_account SET rate_per_hour = 1")
        server.goes_on.set()
        report = await run

    # What was leased at the old rate goes, and at most one of the new one.
    assert 1 <= report.items["Sent"] == len(server.messages) <= 2 * LEASED_PER_CONNECTION + 1
    assert (await stage.counts())["Pending"] == 60 - len(server.messages)
    assert await stage.state() == ("In Process", None)


async def test_a_domain_that_may_get_no_more_does_not_hold_up_the_others(stage: Stage):
    async with ScriptedServer() as server:
        await stage.add_mailing(
            server.port,
            [*(f"a{n}@full.example" for n in range(20)), "last@other.example"],
            account={"domain_rate_per_hour": 360},
        )
        await stage.run()

    recipients = [m.recipients[0] for m in server.messages]
    assert "<last@other.example>" in recipients
    assert sum("full.example" in r for r in recipients) < 20
    assert (await stage.counts())["Pending"] == 21 - len(recipients)


async def test_no_more_than_the_hour_allows(stage: Stage):
    async with ScriptedServer() as server:
        await stage.add_mailing(server.port, 30, account={"max_connections": 4})
        await stage.set(mass_email_max_per_hour_count=10)
        report = await stage.run()
        assert report.items["Sent"] == 10
        assert not report.has_more
        assert (await stage.run()).items["Sent"] == 0
        await stage.pool.execute("UPDATE jobrunner.queue_item SET sent_at = sent_at - interval '61 minutes'")
        assert (await stage.run()).items["Sent"] == 10

    assert len(server.messages) == 20


async def test_two_runs_at_once_keep_the_hour_but_for_what_is_on_its_way(stage: Stage):
    async with ScriptedServer(pipelining=True) as server:
        await stage.add_mailing(server.port, 200, account={"max_connections": 4})
        await stage.set(mass_email_max_per_hour_count=60)
        reports = await asyncio.gather(stage.run(), stage.run())

    sent = sum(report.items["Sent"] for report in reports)
    assert sent == len(server.messages)
    assert 60 <= sent <= 60 + 4, "each may not see what the other one just marks"


async def test_no_more_than_the_batch_allows(stage: Stage):
    async with ScriptedServer() as server:
        await stage.add_mailing(server.port, 30)
        await stage.set(mass_email_max_per_batch_count=7)
        report = await stage.run()

    assert report.items["Sent"] == 7
    assert len(server.messages) == 7


async def test_two_runs_at_once_send_each_mail_once(stage: Stage):
    async with ScriptedServer(pipelining=True) as server:
        await stage.add_mailing(server.port, 300, account={"max_connections": 4})
        reports = await asyncio.gather(stage.run(), stage.run(), stage.run())

    assert len(server.messages) == 300
    assert len({m.recipients[0] for m in server.messages}) == 300
    assert sum(report.items["Sent"] for report in reports) == 300
    assert await stage.state() == ("Complete", None)


async def test_several_mailings_and_accounts_in_one_run(stage: Stage):
    async with ScriptedServer() as one, ScriptedServer() as other:
        first = await stage.add_mailing(one.port, 10, name="May")
        second = await stage.add_mailing(other.port, 10, name="June")
        report = await stage.run()

    assert report.completed == 2
    assert (len(one.messages), len(other.messages)) == (10, 10)
    assert await stage.counts(first) == await stage.counts(second) == {"Sent": 10}


async def test_a_template_with_blocks_is_written_in_the_sandbox(stage: Stage, parse: Any):
    async with ScriptedServer() as server:
        await stage.add_mailing(server.port, 3, body="{% if Person.name %}<p>Hi {{ Person.name }}</p>{% endif %}")
        await stage.run()

    assert len(server.messages) == 3
    assert "Hi F" in parse(server.messages[0].data).get_body(("html",)).get_content()


async def _add_beside(stage: Stage, name: str, mailing: int) -> int:
    """Add a mailing by the same account, to the same list, that starts later."""
    id: int = await stage.pool.fetchval(
        "INSERT INTO jobrunner.mass_email (name, status, start_at, email_template_id, smtp_account_id, created_by,"
        " modified_by) SELECT $2, 'Pending', now(), email_template_id, smtp_account_id, 'ada', 'ada'"
        " FROM jobrunner.mass_email WHERE id = $1 RETURNING id",
        mailing,
        name,
    )
    await stage.pool.execute(
        "INSERT INTO jobrunner.mass_email_list (mass_email_id, target_list_id, position) VALUES ($1, $2, 0)",
        id,
        stage.list,
    )
    return id


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("Hi\n{% if x %}unclosed", "line 2 of the HTML is refused: Unexpected end of template."),
        ("{% include %}", "line 1 of the HTML is refused: "),
        ("<a {Person.name}>x</a>", "line 1: {Person.name} stands inside a tag and needs quotes around it"),
    ],
)
async def test_a_broken_template_pauses_its_mailing_and_hinders_no_other(stage: Stage, body: str, reason: str):
    async with ScriptedServer() as server:
        broken = await stage.add_mailing(server.port, 3)
        sound = await _add_beside(stage, "June", broken)
        template = await stage.pool.fetchval(
            "INSERT INTO jobrunner.email_template (name, subject, body, created_by)"
            " VALUES ('broken', 'S', $1, 'ada') RETURNING id",
            body,
        )
        await stage.pool.execute(
            "UPDATE jobrunner.mass_email SET email_template_id = $1 WHERE id = $2", template, broken
        )
        report = await stage.run()

        assert (report.items["Sent"], report.completed, report.has_more) == (3, 1, False)
        assert await stage.counts(sound) == {"Sent": 3}
        status, words = await stage.state()
        assert status == "Paused"
        assert str(words).startswith(f"its template cannot be sent: {reason}")
        assert (await stage.run()).found_nothing


async def test_what_nobody_foresaw_in_one_mailing_is_raised_after_the_others(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
):
    """A fault of ours in one of them, at the place where its first mails are to be written."""
    enter = Writer.__aenter__

    async def enter_or_fail(self: Writer) -> Writer:
        if self._prepared.name == "May":
            raise ZeroDivisionError("here")
        return await enter(self)

    monkeypatch.setattr(Writer, "__aenter__", enter_or_fail)
    async with ScriptedServer() as server:
        sound = await _add_beside(stage, "June", await stage.add_mailing(server.port, 3))
        other = await stage.add_mailing(server.port, 3, name="July", account={"name": "other"})
        with pytest.raises(ZeroDivisionError, match="here"):
            await stage.run()

    assert await stage.counts(sound) == await stage.counts(other) == {"Sent": 3}


async def test_progress_says_how_far_how_fast_and_how_long(stage: Stage):
    told: list[tuple[float, str]] = []
    async with ScriptedServer() as server:
        await stage.add_mailing(server.port, 5)
        await stage.run(progress=lambda fraction, words: told.append((fraction, words)))

    assert told[0] == (0.0, "0 of 5 mails")
    assert told[-1] == (1.0, "5 of 5 mails")


async def test_time_that_is_over_leaves_the_rest_to_the_next_run_which_follows_at_once(stage: Stage):
    async with ScriptedServer() as server:
        await stage.add_mailing(server.port, 2500)
        report = await stage.run(time_slice=1)
        sent = report.items["Sent"]
        assert report.has_more
        assert 0 < sent < 2500
        assert (await stage.counts())["Pending"] == 2500 - sent
        while (await stage.run()).has_more:
            pass

    assert len(server.messages) == 2500
    assert len({m.recipients[0] for m in server.messages}) == 2500


async def test_asked_to_stop_it_finishes_what_is_on_its_way(stage: Stage):
    asked = False

    async with ScriptedServer() as server:

        def note(command: str) -> None:
            nonlocal asked
            asked = asked or len(server.messages) >= 5

        server.script = {"RCPT": note}
        await stage.add_mailing(server.port, 5000)
        report = await stage.run(cancelled=lambda: asked)

    counts = await stage.counts()
    assert counts == {"Sent": len(server.messages), "Pending": 5000 - len(server.messages)}
    assert report.has_more
    assert await stage.pool.fetchval("SELECT count(*) FROM jobrunner.queue_item WHERE sender_token IS NOT NULL") == 0


async def test_of_many_runs_in_one_process_two_send_and_another_follows(stage: Stage):
    """F16: a burst of wakes does not take all connections of the pool."""
    async with HoldingServer("DOT") as server:
        await stage.add_mailing(server.port, 20, account={"max_connections": 1})
        await stage.pool.fetch("SELECT * FROM jobrunner.build_mailing($1)", stage.mailing)
        first = [asyncio.create_task(stage.run()) for _ in range(2)]
        await server.held.wait()
        others = await asyncio.gather(*(stage.run() for _ in range(20)))
        wakes = await stage.wakes()
        server.goes_on.set()
        reports = await asyncio.gather(*first)

    assert all(report.found_nothing and not report.has_more for report in others)
    assert [report.has_more for report in reports].count(True) >= 1
    assert await stage.wakes() > wakes
    assert await stage.counts() == {"Sent": 20}


async def test_what_is_deferred_keeps_no_run_waiting(stage: Stage):
    """With nothing due the run ends at once, asks for no other, and the mailing behind it has its turn."""
    async with ScriptedServer(script={"RCPT": to("a0@d0.example.net", "451 4.2.0 later")}) as server:
        waiting = await stage.add_mailing(server.port, 1)
        await stage.run()
        assert await stage.counts() == {"Pending": 1}
        commands = len(server.commands)
        async with asyncio.timeout(20):
            report = await stage.run()
        assert not report.has_more
        assert len(server.commands) == commands

        other = await stage.add_mailing(server.port, ["b@example.net"], name="June", account={"name": "other"})
        await stage.pool.execute(
            "UPDATE jobrunner.mass_email SET smtp_account_id ="
            " (SELECT smtp_account_id FROM jobrunner.mass_email WHERE id = $1)",
            waiting,
        )
        async with asyncio.timeout(20):
            report = await stage.run()

    assert not report.has_more
    assert await stage.counts(other) == {"Sent": 1}
    assert await stage.counts(waiting) == {"Pending": 1}

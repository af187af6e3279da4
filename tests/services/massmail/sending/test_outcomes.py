"""Each class of outcomes leads item, mailing and account to the right state, and the rest of the batch is delivered."""

from dataclasses import dataclass
from datetime import timedelta

import pytest

from jobrunner.services.massmail.mass_emails.rows import find_mass_email
from jobrunner.services.massmail.mass_emails.states import pause, resume, start
from tests.services.mail.smtp.scripted_server import CLOSE, ScriptedServer
from tests.services.massmail.sending.stage import Stage, to

VICTIM = "a1@d1.example.net"


@dataclass(frozen=True)
class Case:
    """What the server says to one of ten, and what becomes of it."""

    step: str
    answer: str
    state: str
    charged: int
    bounce: str | None = None
    invalid: bool = False


CASES = {
    "bad address": Case("RCPT", "550 5.1.1 no such user", "Failed", 1, "Hard", invalid=True),
    "bad address, bare": Case("RCPT", "550 no such user", "Failed", 1, "Hard", invalid=True),
    "address deferred": Case("RCPT", "451 4.2.1 greylisted", "Pending", 1),
    "mailbox full": Case("RCPT", "552 5.2.2 mailbox full", "Pending", 1),
    "blocked": Case("RCPT", "550 5.7.1 blocked", "Failed", 1),
    "refused after the message": Case("DOT", "554 5.6.0 not this", "Failed", 1),
    "deferred": Case("DOT", "451 4.3.0 later", "Pending", 1),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
async def test_what_concerns_one_recipient(stage: Stage, case: Case):
    async with ScriptedServer(script={case.step: to(VICTIM, case.answer)}) as server:
        await stage.add_mailing(server.port, 10)
        await stage.run()

    item = await stage.item(VICTIM)
    assert (item["state"], item["attempt_count"]) == (case.state, case.charged)
    assert item["code"] == int(case.answer[:3])
    assert item["reply"] == case.answer[4:]
    assert case.answer[4:] in item["reason"]
    assert item["sender_token"] is None
    others = await stage.counts()
    assert others["Sent"] == 9
    assert (await stage.item())["attempt_count"] == 1, "one that was taken was tried once"
    bounces = [row for row in await stage.log() if row[0] == "Bounced"]
    assert bounces == ([("Bounced", VICTIM, case.bounce)] if case.bounce else [])
    invalid = await stage.pool.fetchval("SELECT invalid FROM jobrunner.email_address WHERE key = $1", VICTIM)
    assert invalid is case.invalid
    if case.state == "Failed":
        assert await stage.state() == ("Complete", None)
    else:
        delay = item["next_attempt_at"] - await stage.pool.fetchval("SELECT now()")
        assert timedelta(minutes=3) < delay < timedelta(minutes=6.1)
        assert await stage.state() == ("In Process", None)


async def test_what_is_deferred_is_given_up_in_the_end_as_a_soft_bounce(stage: Stage):
    async with ScriptedServer(script={"RCPT": to(VICTIM, "450 4.2.1 try later")}) as server:
        await stage.add_mailing(server.port, 3)
        delays = []
        for attempt in (1, 2, 3):
            await stage.run()
            item = await stage.item(VICTIM)
            assert item["attempt_count"] == attempt
            delays.append((item["next_attempt_at"] - await stage.pool.fetchval("SELECT now()")).total_seconds() / 60)
            await stage.come()

    assert item["state"] == "Failed"
    assert 3 < delays[0] < 6.1
    assert 23 < delays[1] < 36.1
    assert ("Bounced", VICTIM, "Soft") in await stage.log()
    assert await stage.state() == ("Complete", None)


@pytest.mark.parametrize(
    ("policy", "states", "mails"),
    [
        ("hold", ["Uncertain"], 1),
        ("assume_sent", ["Sent"], 1),
        ("retry", ["Pending", "Uncertain"], 2),
    ],
)
async def test_doubt_follows_the_policy_of_the_account(stage: Stage, policy: str, states: list[str], mails: int):
    """F49: the line is cut between the message and its answer; what is sent again has the same Message-ID."""
    cut = {"DOT": lambda command: CLOSE if f"<{VICTIM}>" in command else None}
    async with ScriptedServer(script=cut) as server:
        await stage.add_mailing(server.port, 10, account={"uncertain_policy": policy})
        for state in states:
            await stage.run()
            assert (await stage.item(VICTIM))["state"] == state
            await stage.come()

    received = [m for m in server.messages if m.recipients == [f"<{VICTIM}>"]]
    assert len(received) == mails
    ids = {line for m in received for line in m.data.split(b"\r\n") if line.startswith(b"Message-ID")}
    assert len(ids) == 1
    assert len({m.recipients[0] for m in server.messages}) == 10
    assert len(server.messages) == 9 + mails


async def test_a_line_that_breaks_before_the_message_ends_counts_from_the_third_time_on(stage: Stage):
    cut = {"RCPT": lambda command: CLOSE if f"<{VICTIM}>" in command else None}
    async with ScriptedServer(script=cut) as server:
        await stage.add_mailing(server.port, 5)
        charged = []
        for _ in range(5):
            await stage.run()
            charged.append((await stage.item(VICTIM))["attempt_count"])
            await stage.come()

    assert charged == [0, 0, 1, 2, 3]
    assert (await stage.item(VICTIM))["state"] == "Failed"
    assert len(server.messages) == 4


async def test_a_server_that_is_away_burns_no_attempt(stage: Stage):
    async with ScriptedServer() as server:
        port = server.port
    await stage.add_mailing(port, 10)
    for _ in range(5):
        await stage.run()
        await stage.come()

    assert await stage.counts() == {"Pending": 10}
    assert await stage.pool.fetchval("SELECT max(attempt_count) FROM jobrunner.queue_item") == 0
    assert await stage.state() == ("In Process", None)


async def test_a_refused_login_pauses_the_account_and_no_password_is_tried_again(stage: Stage):
    from pydantic import SecretStr

    async with ScriptedServer(script={"AUTH": "535 5.7.8 no"}, auth="PLAIN") as server:
        await stage.add_mailing(
            server.port, 10, account={"username": "news", "secrets": {"password": SecretStr("wrong")}}
        )
        await stage.run()
        await stage.run()

    assert sum(command.startswith("AUTH") for command in server.commands) == 1
    assert await stage.counts() == {"Pending": 10}
    assert await stage.pool.fetchval("SELECT paused_kind::text FROM jobrunner.smtp_account_state") == "authentication"
    assert await stage.pool.fetchval("SELECT max(attempt_count) FROM jobrunner.queue_item") == 0


@pytest.mark.parametrize(
    ("step", "answer"),
    [
        ("MAIL", "450 4.7.1 rate limited, slow down"),
        ("RCPT", "421 4.7.0 too many connections"),
        ("DOT", "451 4.4.5 too busy"),
    ],
)
async def test_too_much_cools_the_account_down(stage: Stage, step: str, answer: str):
    async with ScriptedServer(script={step: [None, None, answer]}) as server:
        await stage.add_mailing(server.port, 20, account={"max_connections": 1})
        report = await stage.run()
        assert (await stage.run()).items["Sent"] == 0, "nothing is asked of a server that wants its peace"

    assert report.items["Sent"] == 2
    assert await stage.counts() == {"Sent": 2, "Pending": 18}
    row = await stage.pool.fetchrow("SELECT speed, cooled_until > now() AS cools FROM jobrunner.smtp_account_state")
    assert (row["speed"], row["cools"]) == (0.5, True)
    assert await stage.pool.fetchval("SELECT max(attempt_count) FROM jobrunner.queue_item WHERE status <> 'Sent'") == 0


async def test_a_used_up_quota_pauses_the_account(stage: Stage):
    async with ScriptedServer(script={"DOT": [None, "550 5.4.5 daily quota exceeded"]}) as server:
        await stage.add_mailing(server.port, 10, account={"max_connections": 1})
        await stage.run()

    assert await stage.counts() == {"Sent": 1, "Pending": 9}
    assert await stage.pool.fetchval("SELECT paused_kind::text FROM jobrunner.smtp_account_state") == "quota"


@pytest.mark.parametrize(
    ("step", "answer", "state", "attempts"),
    [
        ("MAIL", "553 5.1.8 sender rejected", "Pending", 0),
        ("DOT", "550 5.7.26 unauthenticated mail", "Failed", 1),
        ("DOT", "451 4.7.26 unauthenticated mail", "Pending", 1),
    ],
)
async def test_what_concerns_every_mail_pauses_the_mailing(
    stage: Stage, caplog: pytest.LogCaptureFixture, step: str, answer: str, state: str, attempts: int
):
    async with ScriptedServer(script={step: answer}) as server:
        await stage.add_mailing(server.port, 20, account={"max_connections": 1})
        await stage.run()
        await stage.run()

    status, reason = await stage.state()
    assert status == "Paused"
    assert answer[4:] in str(reason)
    item = await stage.item()
    assert (item["state"], item["attempt_count"]) == (state, attempts)
    assert sum(command.startswith(step[:4]) for command in server.commands if step != "DOT") <= 1
    assert "(of ada): paused:" in caplog.text


async def test_a_mail_that_cannot_be_written_fails_alone(stage: Stage):
    bad = "{{ 1 // (Person.last_name | length - 2) }}"  # divides by zero for a name of two letters
    async with ScriptedServer() as server:
        await stage.add_mailing(server.port, 14, body=f"<p>{bad}</p>")
        await stage.pool.execute("UPDATE jobrunner.contact SET last_name = last_name || 'xx' WHERE last_name <> 'L3'")
        await stage.run()

    assert await stage.counts() == {"Sent": 13, "Failed": 1}
    item = await stage.item("a3@d3.example.net")
    assert item["state"] == "Failed"
    assert "template" in item["reason"]
    assert await stage.state() == ("Complete", None)


async def test_when_the_first_ten_cannot_be_written_it_is_paused(stage: Stage):
    async with ScriptedServer() as server:
        await stage.add_mailing(server.port, 40, body="<p>{{ 1 // 0 }}</p>")
        await stage.run()

    status, reason = await stage.state()
    assert status == "Paused"
    assert str(reason).startswith("the first 10 mails could not be written")
    assert server.messages == []
    counts = await stage.counts()
    assert counts["Pending"] >= 40 - 2 * 4 * 2 - 10


async def test_many_bad_addresses_pause_it(stage: Stage):
    async with ScriptedServer(script={"RCPT": lambda c: "550 5.1.1 none" if "@d" in c else None}) as server:
        good = [f"g{n}@good.example" for n in range(165)]
        bad = [f"b{n}@d{n}.example" for n in range(60)]
        await stage.add_mailing(server.port, [*good, *bad], account={"max_connections": 1})
        await stage.run()

    status, reason = await stage.state()
    assert status == "Paused"
    assert "40 of the last 200 addresses do not exist" in str(reason)
    assert (await stage.counts())["Failed"] == 40


async def test_many_refusals_by_policy_pause_it_over_several_runs(stage: Stage):
    async with ScriptedServer(script={"RCPT": lambda c: None if "<a0@" in c else "550 5.7.1 blocked"}) as server:
        await stage.add_mailing(server.port, 150, account={"max_connections": 1})
        await stage.set(mass_email_max_per_batch_count=60)
        await stage.run()
        assert await stage.state() == ("In Process", None)
        await stage.run()

    status, reason = await stage.state()
    assert status == "Paused"
    assert "of the last 100 mails were refused by policy" in str(reason)
    assert (await stage.counts())["Failed"] == 99


@pytest.mark.parametrize(("people", "failed", "words"), [(20, 10, "the first 10"), (4, 4, "all 4")])
async def test_a_server_that_refuses_everybody_pauses_it(stage: Stage, people: int, failed: int, words: str):
    async with ScriptedServer(script={"RCPT": "550 5.0.0 not you"}) as server:
        await stage.add_mailing(server.port, people, account={"max_connections": 1})
        await stage.run()

    status, reason = await stage.state()
    assert status == "Paused"
    assert str(reason).startswith(f"{words} mails were")
    assert "550 5.0.0 not you" in str(reason)
    assert (await stage.counts())["Failed"] == failed


async def _let_go_on(stage: Stage) -> None:
    async with stage.connect() as connection:
        await resume(connection, await find_mass_email(connection, str(stage.mailing)))


async def test_a_mailing_that_was_resumed_in_vain_is_paused_again_and_again(stage: Stage):
    """The first ten count anew each time; it does not run to its end over refusals."""
    async with ScriptedServer(script={"RCPT": "550 5.0.0 not you"}) as server:
        await stage.add_mailing(server.port, 80, account={"max_connections": 1})
        for failed in (10, 20, 30):
            await stage.run()
            status, reason = await stage.state()
            assert (status, str(reason).startswith("the first 10 mails were all refused")) == ("Paused", True)
            assert (await stage.counts())["Failed"] == failed
            await _let_go_on(stage)


@pytest.mark.parametrize("batch", [0, 7])
async def test_of_a_mailing_that_was_resumed_half_may_not_be_refused(stage: Stage, batch: int):
    """From the tenth mail on, and over several runs, for whatever reason they are refused; ten before were taken."""
    answers = {"RCPT": lambda c: "550 5.0.0 not you" if "@bad" in c else None}
    async with ScriptedServer(script=answers) as server:
        # 10 good ones before the pause; after it 6 good and 5 bad ones are no half, one bad one more is.
        good, mixed = [f"g{n}@good.example" for n in range(16)], [f"b{n}@bad{n}.example" for n in range(30)]
        await stage.add_mailing(server.port, [*good, *mixed], account={"max_connections": 1})
        await stage.set(mass_email_max_per_batch_count=10)
        await stage.run()
        async with stage.connect() as connection:
            await pause(connection, await find_mass_email(connection, str(stage.mailing)), "wait")
        await _let_go_on(stage)
        await stage.set(mass_email_max_per_batch_count=batch)
        for _ in range(2):
            await stage.run()

    status, reason = await stage.state()
    assert status == "Paused"
    assert str(reason).startswith("6 of the 12 mails since it was let go on were refused, the last: 550 5.0.0 not you")
    assert await stage.counts() == {"Sent": 16, "Failed": 6, "Pending": 24}


async def test_one_that_was_not_paused_goes_on_over_some_refusals(stage: Stage):
    async with ScriptedServer(script={"RCPT": lambda c: None if "<a0@" in c else "550 5.0.0 not you"}) as server:
        await stage.add_mailing(server.port, 20, account={"max_connections": 1})
        await stage.run()

    assert await stage.state() == ("Complete", None)
    assert await stage.counts() == {"Sent": 1, "Failed": 19}


async def test_one_that_is_started_again_counts_anew(stage: Stage):
    async with ScriptedServer(script={"RCPT": lambda c: None if "<a0@" in c else "550 5.0.0 not you"}) as server:
        await stage.add_mailing(server.port, 20, account={"max_connections": 1})
        await stage.run()
        async with stage.connect() as connection:
            await start(connection, await find_mass_email(connection, str(stage.mailing)), again="rest")
        await stage.run()

    status, reason = await stage.state()
    assert (status, str(reason).startswith("the first 10 mails were all refused")) == ("Paused", True)


async def test_an_address_that_is_none_fails_alone(stage: Stage):
    async with ScriptedServer() as server:
        await stage.add_mailing(server.port, ["a@example.net", "b..c@example.net", "d@example.net"])
        await stage.run()

    assert await stage.counts() == {"Sent": 2, "Failed": 1}
    assert "is no address" in (await stage.item("b..c@example.net"))["reason"]


async def test_another_alphabet_that_the_server_does_not_take_fails_alone(stage: Stage):
    async with ScriptedServer(offers=["8BITMIME"]) as server:
        await stage.add_mailing(server.port, ["a@example.net", "jürgen@example.net"])
        await stage.run()

    assert await stage.counts() == {"Sent": 1, "Failed": 1}

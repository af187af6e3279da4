"""What bounces, complaints and unsubscriptions mean (mail-in.md, 7; RFC 2369, 3464, 5965, 8058)."""

import asyncio
import re
from collections.abc import Callable
from typing import Any

import asyncpg
import pytest

from jobrunner.services.massmail.reports.settling import settle_report
from tests.services.mail.importing.letters import letter
from tests.services.mail.smtp.scripted_server import ScriptedServer
from tests.services.massmail.reports.conftest import Returns
from tests.services.massmail.reports.shapes import Sent, complaint, postfix, sendmail

ADDRESS = "a0@d0.example.net"
MOVE = "UPDATE jobrunner.mailing_report SET received_at = received_at - $1::text::interval"


async def test_hard(returns: Returns):
    """The address gets no mass mail any more; item and log say why, once."""
    (sent,) = await returns.send()
    await returns.come(postfix(sent))
    (settled,) = await returns.settle()
    assert (settled.verdict, settled.is_invalid_now) == ("hard", True)
    item = await returns.stage.item()
    assert (item["state"], item["enhanced_code"]) == ("Sent", "5.1.1")
    assert item["reason"] == "it came back: smtp; 550 5.1.1 user unknown"
    assert await returns.log() == [("Bounced", "Hard")]
    (reason,) = await returns.column("SELECT invalid_reason FROM jobrunner.email_address WHERE key = $1", ADDRESS)
    assert "user unknown" in reason


async def test_soft_and_then_hard(returns: Returns):
    """One entry of the log for each item, which says the graver."""
    (sent,) = await returns.send()
    await returns.come(sendmail(sent))
    await returns.settle()
    assert (await returns.log(), await returns.is_invalid(ADDRESS)) == ([("Bounced", "Soft")], False)
    await returns.come(postfix(sent))
    await returns.settle()
    assert (await returns.log(), await returns.is_invalid(ADDRESS)) == ([("Bounced", "Hard")], True)


async def test_policy_says_nothing_of_the_address(returns: Returns):
    (sent,) = await returns.send()
    await returns.come(postfix(sent, "5.7.1", "550 5.7.1 message blocked as spam"))
    (settled,) = await returns.settle()
    assert (settled.verdict, settled.is_invalid_now, await returns.is_invalid(ADDRESS)) == ("policy", False, False)
    assert await returns.log() == [("Bounced", "Soft")]


@pytest.mark.parametrize("shape", [postfix, complaint, lambda sent: postfix(sent, "4.4.1", "later", "delayed")])
async def test_what_was_in_doubt_was_sent(returns: Returns, shape: Callable[[Sent], bytes]):
    """Whatever the report says: the mail server had the mail."""
    (sent,) = await returns.send()
    await returns.connection.execute("UPDATE jobrunner.queue_item SET status = 'Uncertain', sent_at = NULL")
    await returns.connection.execute("DELETE FROM jobrunner.campaign_log")
    await returns.come(shape(sent))
    await returns.settle()
    item = await returns.stage.item()
    assert (item["state"], item["sent_at"]) == ("Sent", item["finished_at"])
    assert ("Sent", ADDRESS, None) in await returns.stage.log()


async def test_settled_once(returns: Returns):
    (sent,) = await returns.send()
    await returns.come(postfix(sent))
    (id,) = await returns.column("SELECT id FROM jobrunner.mailing_report")
    await returns.settle()
    async with returns.connection.transaction():
        assert await settle_report(returns.connection, id) is None
        assert await settle_report(returns.connection, id + 1) is None


async def test_two_who_settle_the_same(returns: Returns):
    (sent,) = await returns.send()
    await returns.come(postfix(sent))
    (id,) = await returns.column("SELECT id FROM jobrunner.mailing_report")

    async def settle() -> bool:
        async with returns.stage.pool.acquire() as connection, connection.transaction():
            return await settle_report(connection, id) is not None

    assert sorted(await asyncio.gather(settle(), settle())) == [False, True]


async def test_many_settled_at_the_same_moment(returns: Returns):
    sent = await returns.send(6)
    for one in sent:
        await returns.come(postfix(one))
    ids = await returns.column("SELECT id FROM jobrunner.mailing_report ORDER BY id DESC")

    async def settle(id: int) -> Any:
        async with returns.stage.pool.acquire() as connection, connection.transaction():
            return await settle_report(connection, id)

    settled = await asyncio.gather(*map(settle, ids))
    assert [one.verdict for one in settled] == ["hard"] * 6


async def test_a_mailing_of_which_a_fifth_comes_back_is_paused(returns: Returns):
    """While it is sent; of the last 200 mails, and not before there are so many."""
    sent = await returns.send(202)
    mails = sorted(sent, key=lambda one: int(one.field("X-Queue-Item-Id")))
    await returns.connection.execute("UPDATE jobrunner.mass_email SET status = 'In Process', finished_at = NULL")
    for mail in [*mails[:2], *mails[100:139]]:
        await returns.come(postfix(mail))
    assert [one.paused for one in await returns.settle()] == [None] * 41  # of fewer than 200
    await returns.come(postfix(mails[201]))
    (last,) = await returns.settle()
    assert last.paused is not None
    state, reason = await returns.stage.state()
    assert (state, "40 of 200 mails came back" in str(reason)) == ("Paused", True)


# Three soft ones


async def soft(returns: Returns, name: str, **options: Any) -> str | None:
    """Send a mailing of that name to the one address, and let it bounce softly; how that counts."""
    async with ScriptedServer() as server:
        account = {"name": f"account of {name}"}
        await returns.stage.add_mailing(server.port, 1, name=name, account=account, **options)
        await returns.stage.run()
    (message,) = server.messages
    await returns.come(sendmail(Sent("news@example.com", ADDRESS, message.data)))
    return (await returns.settle())[-1].verdict


async def test_the_third_soft_one_within_a_fortnight_is_hard(returns: Returns):
    assert [await soft(returns, name) for name in ("one", "two", "three")] == ["soft", "soft", "hard"]
    assert await returns.is_invalid(ADDRESS)
    assert [extra for _, extra in await returns.log()] == ["Soft", "Soft", "Hard"]


async def test_several_reports_of_one_mail_are_one(returns: Returns):
    (sent,) = await returns.send()
    for n in range(4):
        await returns.come(sendmail(sent).replace(b"@mx.example.net>", f"-{n}@mx.example.net>".encode(), 1))
    assert [one.verdict for one in await returns.settle()] == ["soft"] * 4


async def test_after_a_fortnight_they_are_forgotten(returns: Returns):
    await soft(returns, "one")
    await returns.connection.execute(MOVE, "14 days 1 hour")
    await returns.connection.execute("UPDATE jobrunner.campaign_log SET action_date = action_date - interval '15 days'")
    assert [await soft(returns, name) for name in ("two", "three")] == ["soft", "soft"]


async def age(returns: Returns, days: int) -> None:
    """Let that many days pass for all that was sent and came back."""
    await returns.connection.execute(MOVE, f"{days} days")
    for table, column in (("campaign_log", "action_date"), ("queue_item", "sent_at")):
        await returns.connection.execute(f"UPDATE jobrunner.{table} SET {column} = {column} - interval '{days} days'")


@pytest.mark.parametrize("life", ["a mail from it", "a click", "a mail that arrived", "nothing"])
async def test_a_sign_of_life_ends_the_count(returns: Returns, life: str):
    assert [await soft(returns, name) for name in ("one", "two")] == ["soft", "soft"]
    await age(returns, 1)
    match life:
        case "a mail from it":
            assert await returns.come(letter(sender=ADDRESS, date="Mon, 02 Mar 2026 10:00:00 +0100")) == "Imported"
            await returns.connection.execute("UPDATE jobrunner.email SET date_sent = now()")
        case "a click":
            await returns.connection.execute(
                "INSERT INTO jobrunner.campaign_log (queue_item_id, action, source) SELECT min(id), 'Clicked', 'Human'"
                " FROM jobrunner.queue_item"
            )
        case "a mail that arrived":
            async with ScriptedServer() as server:
                await returns.stage.add_mailing(server.port, 1, name="quiet", account={"name": "account of quiet"})
                await returns.stage.run()
            await age(returns, 6)
    assert await soft(returns, "three") == ("hard" if life == "nothing" else "soft")


async def test_what_the_dialogue_had_refused_counts_too(returns: Returns):
    """A mailbox that was full at the attempts of the mail server is a soft bounce of its item."""
    await returns.stage.set(mass_email_max_attempt_count=1)
    async with ScriptedServer({"RCPT": "452 4.2.2 mailbox full"}) as server:
        await returns.stage.add_mailing(server.port, 1, name="zero", account={"name": "account of zero"})
        await returns.stage.run()
    assert await returns.log() == [("Bounced", "Soft")]
    assert [await soft(returns, name) for name in ("one", "two")] == ["soft", "hard"]


# Opt-outs


async def opted_out(returns: Returns) -> bool:
    return bool(await returns.column("SELECT opted_out FROM jobrunner.target_list_member WHERE opted_out"))


async def test_a_complaint_is_an_opt_out(returns: Returns):
    """RFC 5965: found by the returned header, though the report leaves out whose it is."""
    (sent,) = await returns.send()
    assert await returns.come(complaint(sent)) == "Claimed"
    (settled,) = await returns.settle()
    assert (settled.kind, settled.opted_out, await opted_out(returns)) == ("Complaint", True, True)
    assert await returns.log() == [("Opted Out", None)]
    assert not await returns.is_invalid(ADDRESS)


async def offered(returns: Returns) -> tuple[Sent, re.Match[str]]:
    """A mail that offers to unsubscribe by mail, and what it offers."""
    await returns.group("Sales", takes_unsubscriptions=True, status="Inactive")
    returns.account = await returns.group("News", takes_unsubscriptions=True)
    (sent,) = await returns.send()
    found = re.fullmatch(
        r"<(https://\S+)>, <mailto:(news@example\.org)\?subject=(unsubscribe)%20([a-z2-7]{55})>",
        sent.field("List-Unsubscribe"),
    )
    assert found is not None, sent.field("List-Unsubscribe")
    return sent, found


async def test_list_unsubscribe_offers_a_mail_beside_the_link(returns: Returns):
    """RFC 8058: one https URI, which is the first; in one line, and never as an encoded word."""
    sent, _ = await offered(returns)
    (line,) = [line for line in sent.data.split(b"\r\n") if line.startswith(b"List-Unsubscribe:")]
    assert line.count(b"https:") == 1
    assert b"=?" not in line
    assert sent.field("List-Unsubscribe-Post") == "List-Unsubscribe=One-Click"


async def test_without_an_account_that_takes_them_there_is_no_mailto(returns: Returns):
    await returns.group("News")
    (sent,) = await returns.send()
    assert "mailto" not in sent.field("List-Unsubscribe")


@pytest.mark.parametrize("way", ["subject", "Re: subject", "detail"])
async def test_a_mail_unsubscribes(returns: Returns, way: str):
    """By the token in its subject, or behind a + in the address; whoever sends it (a program does, for its user)."""
    _, offer = await offered(returns)
    token = offer[4]
    fields = {
        "subject": {"subject": f"unsubscribe {token}"},
        "Re: subject": {"subject": f"Re: UNSUBSCRIBE {token.upper()}", "Auto_Submitted": "auto-generated"},
        "detail": {"subject": "", "to": f"news+{token}@example.org"},
    }[way]
    source = letter(sender="whoever@example.net", **fields)
    assert await returns.come(source) == "Claimed"
    (settled,) = await returns.settle()
    assert (settled.kind, settled.opted_out, await opted_out(returns)) == ("Unsubscribe", True, True)
    assert await returns.count("email") == 0
    # Once more: nothing changes, and it is logged once.
    assert await returns.come(source.replace(b"<1@example.com>", b"<2@example.com>")) == "Claimed"
    await returns.settle()
    assert await returns.log() == [("Opted Out", None)]


async def test_a_mail_with_a_token_that_nobody_signed(returns: Returns):
    _, offer = await offered(returns)
    token = offer[4]
    changed = token[:-1] + ("a" if token[-1] != "a" else "b")
    assert await returns.come(letter(subject=f"unsubscribe {changed}")) == "Imported"


async def test_an_opt_out_of_all_mass_mail_says_by_what(returns: Returns):
    returns.account = await returns.group("News", takes_unsubscriptions=True)
    (sent,) = await returns.send(opt_out_entirely=True)
    await returns.come(complaint(sent))
    await returns.settle()
    (reason,) = await returns.column("SELECT opted_out_reason FROM jobrunner.email_address WHERE opted_out")
    assert reason.startswith("unsubscribed by a complaint, mass e-mail ")


async def test_after_the_mailing_was_removed(returns: Returns):
    (sent,) = await returns.send()
    await returns.connection.execute("DELETE FROM jobrunner.mass_email")
    await returns.come(complaint(sent))
    (settled,) = await returns.settle()
    assert (settled.opted_out, await opted_out(returns)) == (True, True)


async def test_a_database_that_fails_undoes_all_of_it(returns: Returns):
    (sent,) = await returns.send()
    await returns.come(postfix(sent))
    await returns.connection.execute("ALTER TABLE jobrunner.email_address RENAME TO gone")
    (id,) = await returns.column("SELECT id FROM jobrunner.mailing_report")
    with pytest.raises(asyncpg.UndefinedTableError):
        async with returns.connection.transaction():
            await settle_report(returns.connection, id)
    await returns.connection.execute("ALTER TABLE jobrunner.gone RENAME TO email_address")
    assert await returns.log() == []
    assert [one.verdict for one in await returns.settle()] == ["hard"]

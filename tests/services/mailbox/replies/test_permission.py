"""Whether a mail is answered by a machine, and where to (RFC 3834, mail-in.md 7)."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import asyncpg
import pytest

from jobrunner.services.mail.importing.storing import AccountRef
from jobrunner.services.mailbox.follow_ups.step import follow_up
from tests.services.mailbox.desk import PENDING, Desk

YESTERDAY = "yesterday"
"""For a date; the moment itself must not be in the names of tests."""


async def answering(desk: Desk, name: str = "Help", **columns: Any) -> AccountRef:
    """A group account that answers its mail."""
    template = await desk.column("SELECT id FROM jobrunner.email_template WHERE name = 'Thanks'") or [
        await desk.insert("email_template", name="Thanks", subject="We got it", body="Thank you.", is_html=False)
    ]
    return await desk.group(name, **{"reply": True, "reply_email_template_id": template[0]} | columns)


async def set_setting(desk: Desk, name: str, value: object) -> None:
    await desk.connection.execute(
        "INSERT INTO jobrunner.setting (name, value) VALUES ($1, $2)", name, json.dumps(value)
    )


async def decided(desk: Desk, help: AccountRef, *sources: bytes) -> list[str | None]:
    """Why each is not answered; None for one that is."""
    return [followed.answer and followed.answer.reason for followed in await desk.get(help, *sources)]


async def test_a_person_is_answered(desk: Desk):
    (id,) = await desk.arrive(await answering(desk), desk.letter())
    await desk.follow()
    row = await desk.row(id)
    assert (row["reply"], row["recipient"], row["reply_reason"]) == ("Waiting", "cus@example.com", None)
    jobs = await desk.connection.fetch("SELECT name, target_id FROM jobrunner.job WHERE name = 'SendAutoReplies'")
    assert [tuple(job) for job in jobs] == [("SendAutoReplies", str(row["inbound_email_id"]))]


NEVER = [
    ({"Auto_Submitted": "auto-generated"}, "Auto-Submitted"),
    ({"Auto_Submitted": "Auto-Replied; x=y"}, "Auto-Submitted"),
    ({"X_Autoreply": "yes"}, "automatic answer"),
    ({"Return_Path": "<>"}, "return path is empty"),
    ({"List_Id": "<x.example.com>"}, "over a list"),
    ({"List_Unsubscribe": "<https://example.com>"}, "over a list"),
    ({"List_Post": "<mailto:x@example.com>"}, "over a list"),
    ({"Precedence": "bulk"}, "Precedence"),
    ({"Precedence": "list"}, "Precedence"),
    ({"Precedence": "junk"}, "Precedence"),
    ({"Precedence": "auto_reply"}, "Precedence"),
    ({"X_Auto_Response_Suppress": "DR, OOF"}, "X-Auto-Response-Suppress"),
    ({"X_Auto_Response_Suppress": "AutoReply"}, "X-Auto-Response-Suppress"),
    ({"X_Loop": "help@example.org"}, "X-Loop"),
    ({"Feedback_ID": "a:b:c:d"}, "Feedback-Id"),
    ({"sender": "MAILER-DAEMON@example.com"}, "MAILER-DAEMON"),
    ({"sender": "Shop <no-reply@example.com>"}, "no-reply"),
    ({"sender": "do-not-reply@example.com"}, "do-not-reply"),
    ({"sender": "list-request@example.com"}, "list-request"),
    ({"sender": "owner-list@example.com"}, "owner-list"),
    ({"Return_Path": "<bounces+cus=example.com@lists.example.net>"}, "no person reads"),
    ({"Return_Path": "<not an address>"}, "no address"),
    ({"sender": "root", "Return_Path": None}, "from no address"),
    ({"sender": "help@example.org"}, "an address of ours"),
    ({"sender": "Help+x@Example.org"}, "an address of ours"),
    ({"sender": "ann@example.org"}, "an address of ours"),  # a user
    ({"Return_Path": "<ann@example.org>"}, "an address of ours"),
    ({"to": "somebody@example.org"}, "does not name help@example.org"),
    ({"date": YESTERDAY}, "older than 24 hours"),
    ({"Content_Type": 'multipart/report; boundary="x"'}, "a report"),
]


@pytest.mark.parametrize(("fields", "reason"), NEVER, ids=lambda value: str(value)[:60])
async def test_what_is_never_answered(desk: Desk, fields: dict[str, Any], reason: str):
    await desk.user("ann")
    if fields.get("date") == YESTERDAY:
        fields = {"date": format_datetime(datetime.now(UTC) - timedelta(hours=25))}
    (id,) = await desk.arrive(await answering(desk), desk.letter(**fields))
    await desk.follow()
    row = await desk.row(id)
    assert row["reply"] == "Skipped"
    assert reason in row["reply_reason"]
    assert await desk.count("auto_reply_count") == 0


ANSWERED = [
    ({"to": "Help+sales@Example.org"}, "cus@example.com"),
    ({"to": "x@example.net", "Cc": "help@example.org"}, "cus@example.com"),
    ({"to": "alias@example.org"}, "cus@example.com"),  # the address that it answers from
    ({"Return_Path": None}, "cus@example.com"),
    ({"Return_Path": "<real@example.com>", "Reply_To": "list@example.com"}, "real@example.com"),
    ({"X_Auto_Response_Suppress": "DR, RN, NRN"}, "cus@example.com"),
    ({"Auto_Submitted": "No"}, "cus@example.com"),
]


@pytest.mark.parametrize(("fields", "recipient"), ANSWERED, ids=lambda value: str(value)[:60])
async def test_what_is_answered_and_where_to(desk: Desk, fields: dict[str, Any], recipient: str):
    """To the return path, never to Reply-To (RFC 3834, 4)."""
    (id,) = await desk.arrive(await answering(desk, reply_from_address="alias@example.org"), desk.letter(**fields))
    await desk.follow()
    assert (await desk.row(id))["recipient"] == recipient


async def test_where_cases_are_opened_only_what_opens_one_is_answered(desk: Desk):
    help = await answering(desk, create_case=True)
    reasons = await decided(desk, help, desk.letter(), desk.letter(subject="Re: [#1]"))
    assert reasons == [None, "it belongs to case 1, which was there before"]


async def test_an_account_that_answers_nothing(desk: Desk):
    assert await decided(desk, await desk.group(create_case=True), desk.letter()) == [None]
    assert await desk.column("SELECT reply FROM jobrunner.mail_follow_up") == [None]


# Limits


async def test_five_to_an_address_within_two_hours(desk: Desk):
    """Whatever the case of its letters, and however its return path varies."""
    help = await answering(desk)
    senders = ["cus@example.com", "Cus@Example.com"] * 3
    reasons = await decided(
        desk, help, *(desk.letter(sender=s, Return_Path=f"<cus-{n}@example.com>") for n, s in enumerate(senders))
    )
    assert reasons[:5] == [None] * 5
    assert "email_auto_reply_limit" in str(reasons[5])


async def test_the_limit_is_a_setting_and_counts_any_stretch_of_the_period(desk: Desk):
    await set_setting(desk, "email_auto_reply_limit", 2)
    await set_setting(desk, "email_auto_reply_suppress_period", 30)
    help = await answering(desk)
    assert (await decided(desk, help, *(desk.letter() for _ in range(3))))[:2] == [None, None]
    for minutes, answered in ((29, False), (2, True), (0, True), (0, False)):
        await desk.connection.execute(
            "UPDATE jobrunner.auto_reply_count"
            " SET moments = ARRAY(SELECT m - $1 * interval '1 min' FROM unnest(moments) AS u (m))",
            minutes,
        )
        (reason,) = await decided(desk, help, desk.letter())
        assert (reason is None) is answered, minutes


async def test_none_at_all(desk: Desk):
    await set_setting(desk, "email_auto_reply_limit", 0)
    (reason,) = await decided(desk, await answering(desk), desk.letter())
    assert "email_auto_reply_limit" in str(reason)


async def test_one_in_a_thread_within_a_day(desk: Desk):
    help = await answering(desk)
    first = desk.letter(message_id="<a@example.com>")
    second = desk.letter(sender="other@example.com", In_Reply_To="<a@example.com>")
    assert await decided(desk, help, first, second) == [None, "its thread was answered within the last 24 hours"]


async def test_so_many_to_a_domain_within_an_hour(desk: Desk):
    await set_setting(desk, "email_auto_reply_domain_limit", 2)
    help = await answering(desk)
    reasons = await decided(desk, help, *(desk.letter(sender=f"c{n}@example.com") for n in range(3)))
    assert [reason and reason.partition(" (")[2] for reason in reasons] == [
        None,
        None,
        "email_auto_reply_domain_limit)",
    ]
    assert await decided(desk, help, desk.letter(sender="c@example.net")) == [None]


async def test_so_many_of_an_account_within_an_hour(desk: Desk):
    await set_setting(desk, "email_auto_reply_account_limit", 2)
    help = await answering(desk)
    reasons = await decided(desk, help, *(desk.letter(sender=f"c@d{n}.example.com") for n in range(3)))
    assert [reason and reason.partition(" (")[2] for reason in reasons] == [
        None,
        None,
        "email_auto_reply_account_limit)",
    ]
    other = await answering(desk, "Sales")
    assert await decided(desk, other, desk.letter(sender="c@example.net", to="sales@example.org")) == [None]


async def test_what_is_refused_by_one_limit_is_counted_by_none(desk: Desk):
    await set_setting(desk, "email_auto_reply_limit", 1)
    help = await answering(desk)
    await decided(desk, help, *(desk.letter() for _ in range(3)))
    moments = await desk.connection.fetch("SELECT scope, cardinality(moments) AS n FROM jobrunner.auto_reply_count")
    assert {row["scope"]: row["n"] for row in moments if not row["scope"].startswith("thread")} == {
        "address:cus@example.com": 1,
        "domain:example.com": 1,
        f"account:{help.id}": 1,
    }


async def test_counts_of_long_ago_are_forgotten(desk: Desk):
    help = await answering(desk)
    await decided(desk, help, desk.letter(sender="once@example.net"))
    await desk.connection.execute("UPDATE jobrunner.auto_reply_count SET counted_at = now() - interval '49 hours'")
    await decided(desk, help, desk.letter())
    scopes = await desk.column("SELECT scope FROM jobrunner.auto_reply_count")
    assert "address:once@example.net" not in scopes
    assert "address:cus@example.com" in scopes


async def test_those_who_decide_at_the_same_moment_count_one_after_the_other(desk: Desk):
    help = await answering(desk)
    await desk.arrive(help, *(desk.letter() for _ in range(12)))
    pending = await desk.connection.fetch(PENDING)

    async def follow(pool: Any, row: Any) -> bool:
        async with pool.acquire() as connection, connection.transaction():
            followed = await follow_up(connection, row["email_id"], row["inbound_email_id"])
            assert followed is not None
            assert followed.answer is not None
            return followed.answer.reason is None

    async with asyncpg.create_pool(desk.url, min_size=6, max_size=6) as pool:
        answered = await asyncio.gather(*(follow(pool, row) for row in pending))
    assert sum(answered) == 5

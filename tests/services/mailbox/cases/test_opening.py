"""Cases that mail opens, and those that it belongs to (mail-in.md, 6)."""

from typing import Any

import pytest

from jobrunner.services.mailbox.cases.opening import number_in
from jobrunner.services.records import add_account, add_contact, add_lead
from tests.services.mail.importing.letters import rich
from tests.services.mailbox.desk import Desk


@pytest.mark.parametrize(
    ("subject", "number"),
    [
        ("Re: [#12] Printer", 12),
        ("[#12 – urgent] Printer", 12),
        ("[# 12] Printer", None),
        ("#12", None),
        ("[#12345678901234567890]", None),
        ("AW: [#7] [#8]", 7),
        ("", None),
    ],
)
def test_the_number_in_a_subject(subject: str, number: int | None):
    assert number_in(subject) == number


async def test_a_mail_opens_a_case(desk: Desk):
    team = await desk.team("support", await desk.user("ann"))
    acme = await add_account(desk.connection, "Acme")
    contact = await add_contact(desk.connection, "Cus", "Tomer", "CUS@example.com", account_id=acme)
    help = await desk.group(create_case=True, team_id=team, assign_to_user_id="ann")

    (followed,) = await desk.get(help, desk.letter(b"It smokes.\r\n", subject="Printer"))

    case = await desk.case()
    assert followed.as_dict() == {"case": 1, "case_act": "Opened", "assigned_to": "ann"}
    assert (case["name"], case["description"].strip(), case["state"]) == ("Printer", "It smokes.", "Assigned")
    assert (case["assigned_user_id"], case["inbound_email_id"]) == ("ann", help.id)
    assert (case["contact_id"], case["account_id"], case["lead_id"]) == (contact, acme, None)
    assert await desk.column("SELECT team_id FROM jobrunner.case_team") == ["support"]
    (mail,) = await desk.connection.fetch("SELECT * FROM jobrunner.email")
    assert (mail["parent_type"], mail["parent_id"], case["email_id"]) == ("Case", case["id"], mail["id"])
    assert await desk.column("SELECT user_id FROM jobrunner.email_user WHERE is_assigned") == ["ann"]
    assert await desk.column("SELECT team_id FROM jobrunner.email_team") == ["support"]


async def test_its_files_are_those_of_the_case(desk: Desk):
    """They stay when the mail is deleted, and are not swept."""
    await desk.get(await desk.group(create_case=True), rich())
    await desk.connection.execute("DELETE FROM jobrunner.email")
    (file,) = await desk.connection.fetch("SELECT * FROM jobrunner.case_attachment")
    assert file["name"] == "a.pdf"


async def test_a_lead_where_there_is_neither_contact_nor_account(desk: Desk):
    lead = await add_lead(desk.connection, "Lee", "Lane", "cus@example.com")
    await desk.get(await desk.group(create_case=True), desk.letter())
    case = await desk.case()
    assert (case["contact_id"], case["account_id"], case["lead_id"]) == (None, None, lead)


async def test_an_account_by_its_own_address(desk: Desk):
    acme = await add_account(desk.connection, "Acme", "cus@example.com")
    await add_lead(desk.connection, "Lee", "Lane", "cus@example.com")
    await desk.get(await desk.group(create_case=True), desk.letter())
    case = await desk.case()
    assert (case["account_id"], case["lead_id"]) == (acme, None)


async def test_nobody_to_assign_it_to(desk: Desk):
    await desk.get(await desk.group(create_case=True), desk.letter(subject=""))
    case = await desk.case()
    assert (case["state"], case["assigned_user_id"], case["name"]) == ("New", None, "(No Subject)")


async def test_a_user_who_is_not_active_gets_none(desk: Desk):
    await desk.user("ann", active=False)
    await desk.get(await desk.group(create_case=True, assign_to_user_id="ann"), desk.letter())
    assert (await desk.case())["state"] == "New"


@pytest.mark.parametrize(
    "marks",
    [
        {"Auto_Submitted": "auto-replied"},
        {"X_Autoreply": "yes"},
        {"Content_Type": 'multipart/report; report-type=delivery-status; boundary="x"'},
    ],
)
async def test_automatic_mail_opens_none(desk: Desk, marks: dict[str, str]):
    (followed,) = await desk.get(await desk.group(create_case=True), desk.letter(**marks))
    assert followed.case is None
    assert await desk.count("case_record") == 0


async def test_a_mail_of_ours_that_comes_back_opens_none(desk: Desk):
    help = await desk.group(create_case=True)
    source = desk.letter(sender="help@example.org")
    (id,) = await desk.arrive(help, source)
    await desk.connection.execute("UPDATE jobrunner.email SET status = 'Sent' WHERE id = $1", id)
    assert [followed.case for followed in await desk.follow()] == [None]


# What belongs to one that is there


async def test_an_answer_belongs_to_the_case_of_what_it_answers(desk: Desk):
    help = await desk.group(create_case=True, assign_to_user_id=await desk.user("ann"))
    first = desk.letter(message_id="<first@example.com>")
    await desk.get(help, first)
    answer = desk.letter(sender="Other <other@example.com>", In_Reply_To="<first@example.com>", subject="Hello")
    (followed,) = await desk.get(help, answer)
    assert followed.case is not None
    assert (followed.case.number, followed.case.act) == (1, "Attached")
    assert await desk.count("case_record") == 1


NUMBERED = [
    ("Cus <cus@example.com>", "Attached", 1),  # on a mail of the case
    ("Colleague <cc@example.com>", "Attached", 1),  # in Cc of one
    ("Ann <ann@example.org>", "Attached", 1),  # a user
    ("Gone <gone@example.org>", "Opened", 2),  # a user who is not active
    ("Eve <eve@example.com>", "Opened", 2),  # somebody who guesses
]


@pytest.mark.parametrize(("sender", "act", "number"), NUMBERED)
async def test_a_number_is_believed_from_those_whom_the_case_knows(desk: Desk, sender: str, act: str, number: int):
    await desk.user("ann")
    await desk.user("gone", active=False)
    help = await desk.group(create_case=True)
    await desk.get(help, desk.letter(Cc="cc@example.com"))
    (followed,) = await desk.get(help, desk.letter(sender=sender, subject="Re: [#1] Printer"))
    assert followed.case is not None
    assert (followed.case.act, followed.case.number) == (act, number)
    if act == "Opened":
        assert "names case 1" in (await desk.case(2))["description"]


@pytest.mark.parametrize("subject", ["[#99] Printer", "[#1] Printer"])
async def test_a_number_of_no_case_opens_one(desk: Desk, subject: str):
    """Of none at all, and of one that is deleted."""
    help = await desk.group(create_case=True)
    await desk.get(help, desk.letter())
    await desk.connection.execute("UPDATE jobrunner.case_record SET deleted = true")
    (followed,) = await desk.get(help, desk.letter(subject=subject))
    assert followed.case is not None
    assert (followed.case.act, followed.case.number) == ("Opened", 2)


@pytest.mark.parametrize(
    ("reopens", "state", "act", "after"),
    [
        (True, "Closed", "Reopened", "Assigned"),
        (False, "Closed", "Attached", "Closed"),
        (True, "Duplicate", "Attached", "Duplicate"),
        (True, "Pending", "Attached", "Pending"),
    ],
)
async def test_an_answer_opens_a_closed_case_again(desk: Desk, reopens: bool, state: str, act: str, after: str):
    help = await desk.group(create_case=True, assign_to_user_id=await desk.user("ann"), reopen_on_reply=reopens)
    await desk.get(help, desk.letter())
    await desk.connection.execute("UPDATE jobrunner.case_record SET status = $1::text::jobrunner.case_status", state)
    (followed,) = await desk.get(help, desk.letter(subject="Re: [#1]"))
    assert followed.case is not None
    assert (followed.case.act, (await desk.case())["state"]) == (act, after)


# One mail, several accounts


async def test_two_group_accounts_open_one_case(desk: Desk):
    """The second finds the mail in the case that the first has opened."""
    help = await desk.group(create_case=True)
    sales = await desk.group("Sales", create_case=True)
    source = desk.letter(to="help@example.org, sales@example.org")
    await desk.arrive(help, source)
    await desk.arrive(sales, source)
    acts = [followed.case.act for followed in await desk.follow() if followed.case]
    assert acts == ["Opened", "Attached"]
    assert await desk.count("case_record") == 1


async def test_a_personal_account_was_faster(desk: Desk):
    """The mail is merged, and opens its case all the same."""
    source = desk.letter(to="ann@example.org, help@example.org")
    await desk.arrive(await desk.personal(await desk.user("ann")), source)
    (followed,) = await desk.get(await desk.group(create_case=True), source)
    assert followed.case is not None
    assert followed.case.act == "Opened"


async def test_an_answer_that_a_personal_account_brought_first_opens_the_case_again(desk: Desk):
    help = await desk.group(create_case=True, reopen_on_reply=True)
    await desk.get(help, desk.letter(message_id="<first@example.com>"))
    await desk.connection.execute("UPDATE jobrunner.case_record SET status = 'Closed'")
    answer = desk.letter(In_Reply_To="<first@example.com>")
    await desk.arrive(await desk.personal(await desk.user("ann")), answer)
    (followed,) = await desk.get(help, answer)
    assert followed.case is not None
    assert followed.case.act == "Reopened"


# Who is told


async def notifications(desk: Desk) -> list[tuple[Any, ...]]:
    rows = await desk.connection.fetch("SELECT * FROM jobrunner.notification ORDER BY number")
    return [(row["user_id"], row["type"], row["parent_name"], row["related_type"]) for row in rows]


async def test_who_gets_a_case_is_told_of_it_and_of_answers(desk: Desk):
    help = await desk.group(create_case=True, assign_to_user_id=await desk.user("ann"))
    await desk.get(help, desk.letter(subject="Printer"), desk.letter(subject="Re: [#1] Printer"))
    assert await notifications(desk) == [
        ("ann", "Assignment", "Printer", None),
        ("ann", "EmailReceived", "Printer", "Email"),
    ]


async def test_nobody_is_told_where_that_is_off(desk: Desk):
    help = await desk.group(create_case=True, assign_to_user_id=await desk.user("ann"), notify_assignee=False)
    await desk.get(help, desk.letter(subject="Printer"), desk.letter(subject="Re: [#1] Printer"))
    assert await notifications(desk) == []


async def test_what_a_notification_knows_of_a_case(desk: Desk):
    help = await desk.group(create_case=True, assign_to_user_id=await desk.user("ann"))
    await desk.get(help, desk.letter(subject="Printer"))
    (known,) = await desk.connection.fetch(
        "SELECT * FROM jobrunner.notified_record('Case', $1)", (await desk.case())["id"]
    )
    assert (known["name"], known["is_gone"], known["assigned_user_ids"], known["reply_to"]) == (
        "Printer", False, ["ann"], "help@example.org",
    )  # fmt: skip

"""`jobrunner case`, as a person types it: cases that mail has opened, found, changed, closed, opened again, deleted."""

import pytest

from jobrunner.services.mail.importing.storing import AccountRef
from tests.cli.calling import caller
from tests.services.mailbox.desk import Desk, desk

__all__ = ["desk"]


@pytest.fixture
def call(capsys, database_url, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("JOBRUNNER_DATABASE_URL", database_url)
    return caller(capsys)


@pytest.fixture
async def cases(desk: Desk) -> Desk:
    """1 of Ann, 2 of Bob, 3 of Ann; the first has two mails."""
    for user in ("ann", "bob"):
        await desk.user(user)
    team = await desk.team("Support", "ann", "bob")
    help = await desk.group(create_case=True, team_id=team, case_distribution="Round-Robin")
    await desk.get(help, desk.letter(b"It smokes\x1b[2J.\r\n", subject="Printer"))
    await desk.get(help, *(desk.letter(subject=subject) for subject in ("Door", "Re: [#1] Printer", "Lamp")))
    return desk


async def numbers(call, *arguments):
    done = await call("case", "list", *arguments, "--json")
    assert done.code == 0, done.err
    return [row["number"] for row in done.json]


async def test_cases_are_listed(call, cases):
    done = await call("case", "list")
    assert [(row["number"], row["name"], row["assigned_user"], row["emails"]) for row in done.rows] == [
        ("3", "Lamp", "Ann", "1"),
        ("2", "Door", "Bob", "1"),
        ("1", "Printer", "Ann", "2"),
    ]
    await call("case", "close", "2")
    assert await numbers(call, "--open") == [3, 1]
    assert await numbers(call, "--status", "closed", "--status", "Pending") == [2]
    assert await numbers(call, "--user", "Ann") == [3, 1]
    assert await numbers(call, "--team", "Support", "--before", "3", "--limit", "1") == [2]
    assert await numbers(call, "--subject", "PRINT") == [1]
    assert await numbers(call, "--unassigned") == []


async def test_a_case_is_shown_with_its_mails(call, cases):
    done = await call("case", "show", "1")
    assert done.code == 0, done.err
    assert "It smokes\\x1b[2J." in done.out
    first, third = [line.split("\t")[0] for line in done.out.split("subject\tstatus\n")[1].splitlines()]
    row = (await call("case", "show", "1", "--json")).json
    assert [str(mail["id"]) for mail in row["mails"]] == [first, third]
    assert (row["status"], row["assigned_user_id"], row["teams"]) == ("Assigned", "ann", ["Support"])
    done = await call("emails", "show", first)
    assert "case_number\t1\n" in done.out, "a mail tells the number that the commands of cases take"


async def test_a_case_goes_to_somebody_else(call, cases, connection):
    """The new one gets its mails, and is told unless that is not wanted."""
    await connection.execute("DELETE FROM jobrunner.notification")
    done = await call("case", "edit", "1", "--assign-to", "Bob", "--name", "Printer smokes", "--status", "pending")
    assert (done.code, done.out) == (0, "changed 1 Printer smokes\n"), done.err
    told = "SELECT n.user_id, n.type::text, n.parent_name FROM jobrunner.notification AS n"
    assert [tuple(row) for row in await connection.fetch(told)] == [("bob", "Assignment", "Printer smokes")]
    mails = (
        "SELECT count(*) FROM jobrunner.email_user AS u JOIN jobrunner.email AS e ON e.id = u.email_id"
        " JOIN jobrunner.case_record AS c ON c.id = e.parent_id"
        " WHERE c.number = 1 AND u.user_id = 'bob' AND u.is_assigned"
    )
    assert await connection.fetchval(mails) == 2
    assert (await call("case", "edit", "1", "--assign-to", "ann", "--no-notify")).code == 0
    assert (await call("case", "edit", "1", "--assign-to", "ann")).code == 0
    assert len(await connection.fetch(told)) == 1
    row = (await call("case", "show", "1", "--json")).json
    assert (row["status"], row["assigned_user"]) == ("Pending", "Ann")


async def test_status_goes_with_whom_it_is_assigned_to(call, cases):
    async def status():
        return (await call("case", "show", "2", "--json")).json["status"]

    assert (await call("case", "edit", "2", "--clear", "assigned-user")).code == 0
    assert await status() == "New"
    assert await numbers(call, "--unassigned") == [2]
    assert (await call("case", "edit", "2", "--assign-to", "ann")).code == 0
    assert await status() == "Assigned"


async def test_teams_and_text_are_changed(call, cases, connection):
    await call("team", "add", "Sales", "--id", "sales")
    done = await call("case", "edit", "1", "--team", "Sales", "--clear", "description", "--json")
    assert done.json["teams"] == ["Sales"]
    assert (await call("case", "show", "1", "--json")).json["description"] == ""
    mails = await connection.fetchval("SELECT count(*) FROM jobrunner.email_team WHERE team_id = 'sales'")
    assert mails == 2
    assert (await call("case", "edit", "1", "--clear", "teams", "--json")).json["teams"] == []


async def test_cases_are_closed_and_opened_again(call, cases):
    done = await call("case", "close", "1", "2", "--as", "duplicate")
    assert (done.code, done.out) == (0, "closed 1 Printer\nclosed 2 Door\n"), done.err
    done = await call("case", "close", "1", "--as", "Duplicate")
    assert (done.code, done.out, done.err) == (0, "", "Was so already: 1.\n")
    done = await call("case", "reopen", "1", "3")
    assert (done.code, done.out, done.err) == (0, "reopened 1 Printer\n", "Was so already: 3.\n")
    assert [case["status"] for case in (await call("case", "reopen", "2", "--json")).json] == ["Assigned"]


async def test_a_number_that_is_none_changes_nothing(call, cases):
    for command in ("close", "remove"):
        done = await call("case", command, "1", "99")
        assert (done.code, done.err) == (
            2,
            "Error: there is no case of the number 99: `jobrunner case list` shows them\n",
        )
    assert await numbers(call, "--status", "Assigned") == [3, 2, 1]


async def test_a_case_is_deleted(call, cases, connection):
    """Its mails stay, and what answers them opens another one."""
    done = await call("case", "remove", "1")
    assert (done.code, done.out) == (0, "removed 1 Printer\n"), done.err
    assert (await call("case", "show", "1")).code == 2
    assert await numbers(call) == [3, 2]
    assert await connection.fetchval("SELECT deleted FROM jobrunner.case_record WHERE number = 1")
    assert await connection.fetchval("SELECT count(*) FROM jobrunner.email") == 4
    help = AccountRef("Group", *(await connection.fetchrow("SELECT id, epoch FROM jobrunner.inbound_email")))
    await cases.get(help, cases.letter(subject="Re: [#1] Printer"))
    assert await numbers(call) == [4, 3, 2]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["edit", "1"], "nothing to change: give an option (`--help` shows all)"),
        (["edit", "1", "--name", " "], "a case needs a name"),
        (["edit", "1", "--name", "a\nb"], "the name must be one line of at most 255 letters"),
        (["edit", "1", "--assign-to", "An"], "there is no user 'An'; did you mean Ann?"),
        (["edit", "1", "--team", "Sup"], "there is no team 'Sup'; did you mean Support?"),
        (
            ["list", "--status", "Done"],
            "the status must be New, Assigned, Pending, Closed, Rejected or Duplicate, got 'Done'",
        ),
        (["close", "1", "--as", "New"], "the status must be Closed, Rejected or Duplicate, got 'New'"),
        (["list", "--user", "ann", "--unassigned"], "give --user or --unassigned"),
        (
            ["list", "--open", "--status", "New"],
            "give --status or --open: the open ones are those that are New, Assigned or Pending",
        ),
    ],
)
async def test_what_is_refused(call, cases, arguments, sentence):
    done = await call("case", *arguments)
    assert (done.code, done.err) == (2, f"Error: {sentence}\n")

"""`jobrunner team`, `email-folder` and `group-email-folder`, as a person types them."""

import pytest

from tests.cli.calling import caller


@pytest.fixture
async def call(capsys, database_url, connection, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("JOBRUNNER_DATABASE_URL", database_url)
    await connection.execute("INSERT INTO jobrunner.app_user (id, name) VALUES ('ann', 'Ann Lee'), ('bob', 'Bob Ray')")
    return caller(capsys)


async def test_the_life_of_a_team(call, connection):
    done = await call("team", "add", "Support")
    assert done.code == 0, done.err
    id = done.out.split()[1]
    assert done.out == f"added {id} Support\n"
    assert (await call("team", "add", "Sales", "--id", "t2")).out == "added t2 Sales\n"
    done = await call("team", "add-members", "Support", "Ann Lee", "bob", "--position", "Agent", "--default")
    assert (done.code, done.out) == (0, "Support: Ann Lee (Agent), Bob Ray (Agent)\n"), done.err
    done = await call("team", "add-members", "Sales", "ann", "--default")
    assert done.out == "Sales: Ann Lee\n"
    rows = (await call("team", "members", id)).rows
    assert [(row["user_id"], row["position"], row["is_default"]) for row in rows] == [
        ("ann", "Agent", "no"),
        ("bob", "Agent", "yes"),
    ]
    assert (await call("team", "add-members", "Support", "bob", "--position", "")).out == (
        "Support: Ann Lee (Agent), Bob Ray\n"
    )
    assert (await call("team", "members", id, "--json")).json[1]["is_default"] is True
    done = await call("team", "remove-members", "Support", "bob", "An Lee")
    assert (done.code, done.err) == (2, "Error: there is no user 'An Lee'; did you mean Ann Lee?\n")
    assert (await call("team", "remove-members", "Support", "bob")).out == "Support: Ann Lee (Agent)\n"
    done = await call("team", "remove-members", "Support", "bob")
    assert (done.code, done.err) == (2, "Error: the user 'bob' is no member of the team 'Support'\n")
    assert (await call("team", "edit", "Support", "--name", "Help desk")).out == f"changed {id} Help desk\n"
    await call(
        *("inbound-email", "add", "help", "--address", "h@example.org", "--no-imap", "--case-team", "Help desk"),
        *("--create-case", "--distribution", "Round-Robin"),
    )
    (first, second) = (await call("team", "list")).rows
    assert (first["name"], first["members"], first["inbound_emails"]) == ("Help desk", "Ann Lee (Agent)", "help")
    assert second["name"] == "Sales"
    done = await call("team", "remove", "Help desk")
    assert done.code == 1
    assert "`jobrunner inbound-email edit help --case-team TEAM`" in done.err
    assert [team["name"] for team in (await call("team", "remove", "Sales", "--json")).json] == ["Sales"]


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (("add", "Support"), 1, "there is a team 'Support' already"),
        (("add", "Sales", "--id", "t1"), 1, "there is a team 'Sales' already, or one with the id 't1'"),
        (("add", "12"), 2, "the name must be letters without blanks around, not a number, got '12'"),
        (("add", " "), 2, "the name must be letters without blanks around, not a number, got ' '"),
        (("add", ""), 2, "the name must not be empty"),
        (("edit", "Suport", "--name", "x"), 2, "there is no team 'Suport'; did you mean Support?"),
        (("members", "nobody"), 2, "there is no team 'nobody'"),
        (("add-members", "Support", "an"), 2, "there is no user 'an'; there are Ann Lee, Bob Ray"),
        (("add-members", "Support", "ann", "--position", "a\nb"), 2, "the position must be one line of at most 255"),
        (("remove", "Support", "Suport"), 2, "there is no team 'Suport'"),
    ],
)
async def test_what_cannot_be_right_is_refused_in_words(call, arguments, code, sentence):
    assert (await call("team", "add", "Support", "--id", "t1")).code == 0
    done = await call("team", *arguments)
    assert (done.code, done.err.count("\n")) == (code, 1), done.err
    assert sentence in done.err
    assert [(row["name"], row["members"]) for row in (await call("team", "list")).rows] == [("Support", "")]


async def test_the_life_of_folders_of_users(call, connection):
    assert (await call("email-folder", "add", "Bills", "--user", "Ann Lee")).out == "added 1 Bills\n"
    done = await call("email-folder", "add", "Bills", "--user", "ann")
    assert (done.code, done.err) == (1, "Error: there is a folder of this user of that name already: choose another\n")
    assert (await call("email-folder", "add", "Bills", "--user", "bob")).code == 0
    assert (await call("email-folder", "edit", "Bills", "--user", "bob", "--name", "Post")).out == "changed 3 Post\n"
    done = await call("email-folder", "edit", "Bill", "--user", "ann", "--name", "x")
    assert "there is no folder for mail of the user ann 'Bill'; did you mean Bills?" in done.err
    await call("email-filter", "add", "bills", "--user", "ann", "--subject", "Bill*", "--folder", "Bills")
    (row,) = (await call("email-folder", "list", "--user", "ann")).rows
    assert (row["owner"], row["name"], row["mails"], row["filters"]) == ("Ann Lee", "Bills", "0", "bills")
    done = await call("email-folder", "remove", "Bills", "--user", "ann")
    assert done.code == 1
    assert "the filter 'bills' leads into the folder 'Bills': change that first" in done.err
    await call("email-filter", "remove", "bills")
    await call("email-account", "add", "a", "--user", "ann", "--address", "a@x.org", "--no-imap", "--map", "In=Bills")
    done = await call("email-folder", "remove", "Bills", "--user", "ann")
    assert "`jobrunner email-account edit a`" in done.err
    assert (await call("email-folder", "remove", "Post", "--user", "bob")).out == "removed 3 Post\n"
    assert len((await call("email-folder", "list", "--json")).json) == 1


async def test_the_life_of_group_folders(call):
    await call("team", "add", "Support", "--id", "t1")
    await call("team", "add", "Sales", "--id", "t2")
    done = await call("group-email-folder", "add", "Questions", "--team", "Support", "--team", "t1")
    assert (done.code, done.out) == (0, "added 1 Questions\n"), done.err
    assert (await call("group-email-folder", "add", "Questions")).code == 1
    assert "there is no team 'Suport'" in (await call("group-email-folder", "add", "Q", "--team", "Suport")).err
    assert (await call("group-email-folder", "edit", "Questions", "--name", "Asked")).code == 0
    (row,) = (await call("group-email-folder", "list")).rows
    assert (row["name"], row["teams"]) == ("Asked", "Support")
    assert (await call("group-email-folder", "edit", "1", "--team", "t2")).code == 0
    assert (await call("group-email-folder", "list", "--json")).json[0]["teams"] == ["Sales"]
    assert (await call("group-email-folder", "edit", "Asked", "--no-team")).code == 0
    assert (await call("group-email-folder", "list", "--json")).json[0]["team_ids"] == []
    assert "--name, --team or --no-team" in (await call("group-email-folder", "edit", "Asked")).err
    await call("inbound-email", "add", "h", "--address", "h@x.org", "--no-imap", "--group-folder", "Asked")
    done = await call("group-email-folder", "remove", "Asked")
    assert (done.code, "`jobrunner inbound-email edit h`" in done.err) == (1, True)
    await call("inbound-email", "remove", "h")
    assert (await call("group-email-folder", "remove", "Asked")).out == "removed 1 Asked\n"

"""`jobrunner email-filter`, as a person types it; what may be entered is in tests/services/mailbox/filters."""

import pytest

from tests.cli.calling import caller


@pytest.fixture
async def call(capsys, database_url, connection, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("JOBRUNNER_DATABASE_URL", database_url)
    await connection.execute("INSERT INTO jobrunner.app_user (id, name) VALUES ('ann', 'Ann Lee')")
    await connection.execute("INSERT INTO jobrunner.email_folder (user_id, name) VALUES ('ann', 'Bills')")
    await connection.execute("INSERT INTO jobrunner.group_email_folder (name) VALUES ('Questions')")
    await connection.execute(
        "INSERT INTO jobrunner.inbound_email (name, email_address, use_imap) VALUES ('help', 'h@example.org', false)"
    )
    return caller(capsys)


async def test_the_life_of_filters(call):
    done = await call("email-filter", "add", "spam", "--global", "--from", "*@spam.example", "--subject", "*win*")
    assert (done.code, done.out) == (0, "added 1 spam\n"), done.err
    done = await call(
        *("email-filter", "add", "bills", "--user", "Ann Lee", "--body-contains", "bill", "--body-contains", "invoice"),
        *("--folder", "Bills", "--mark-as-read", "--json"),
    )
    assert done.code == 0, done.err
    assert (done.json["action"], done.json["email_folder_id"], done.json["mark_as_read"]) == ("Move to Folder", 1, True)
    done = await call("email-filter", "add", "q", "--inbound-email", "help", "--to", "q@*", "--group-folder", "1")
    assert done.code == 0, done.err
    rows = (await call("email-filter", "list")).rows
    assert [(row["owner"], row["action"], row["folder"]) for row in rows] == [
        ("everybody", "Skip", ""),
        ("user Ann Lee", "Move to Folder", "Bills"),
        ("inbound-email help", "Move to Group Folder", "Questions"),
    ]
    done = await call(
        *("email-filter", "edit", "bills", "--name", "quiet", "--action", "none", "--skip-notification", "--subject"),
        *("Bill*", "--clear", "body-contains"),
    )
    assert done.code == 0, done.err
    _, row, _ = (await call("email-filter", "list", "--json")).json
    assert (row["name"], row["action"], row["email_folder_id"]) == ("quiet", "None", None)
    assert (row["subject"], row["body_contains"], row["skip_notification"]) == ("Bill*", [], True)
    assert (await call("email-filter", "remove", "spam", "spm")).code == 2
    assert (await call("email-filter", "remove", "spam", "3")).out == "removed 1 spam\nremoved 3 q\n"
    assert [row["id"] for row in (await call("email-filter", "list")).rows] == ["2"]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("add", "f", "--subject", "x"), "say which"),
        (("add", "f", "--global"), "a filter without a condition never matches"),
        (
            ("add", "f", "--global", "--subject", "x", "--action", "none"),
            "a filter of everybody cannot 'None', only Skip",
        ),
        (
            ("add", "f", "--global", "--subject", "x", "--folder", "Bills"),
            "only a user's filter moves to a user's folder",
        ),
        (("add", "f", "--user", "ann", "--subject", "x", "--folder", "Bils"), "did you mean Bills"),
        (
            ("add", "f", "--inbound-email", "hlp", "--subject", "x"),
            "there is no group account 'hlp'; did you mean help",
        ),
        (("edit", "f"), "give what is to change"),
        (("edit", "f", "--clear", "subjct"), "did you mean subject"),
        (("remove", "f"), "there is no filter 'f'"),
    ],
)
async def test_what_cannot_be_right_is_refused_in_words(call, arguments, sentence):
    done = await call("email-filter", *arguments)
    assert done.code == 2
    assert sentence in done.err

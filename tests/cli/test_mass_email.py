"""`jobrunner mass-email`, as a person types it."""

import pytest

from jobrunner.services.mail.accounts import cool_down, pause, reserve, resume
from jobrunner.services.massmail.mass_emails.building import build_mailing
from tests.cli.calling import caller
from tests.queue.stage import Stage


@pytest.fixture
def call(capsys, database_url, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("JOBRUNNER_DATABASE_URL", database_url)
    monkeypatch.setenv("JOBRUNNER_SITE_URL", "https://crm.example.com")
    monkeypatch.setenv("JOBRUNNER_SMTP__HOST", "mail.example.com")
    monkeypatch.setenv("JOBRUNNER_SMTP__FROM_ADDRESS", "news@example.com")
    (tmp_path / "a.txt").write_text("Hello\n")
    return caller(capsys)


@pytest.fixture
async def ready(call, connection):
    """A draft that could be started: mass e-mail M with the template T to the list L of two leads."""
    await connection.execute("INSERT INTO jobrunner.lead (id, email) VALUES ('a', 'a@x.org'), ('b', 'b@x.org')")
    await call("target-list", "add", "L")
    await call("target-list", "add-members", "L", "a", "b", "--type", "lead")
    await call("email-template", "add", "T", "--subject", "Hi", "--text", "a.txt")
    done = await call("mass-email", "add", "M", "--template", "T", "--list", "L")
    assert (done.code, done.err) == (0, "")
    return int(done.out.split()[1])


async def jobs(connection):
    return await connection.fetch(
        "SELECT execute_at FROM jobrunner.job WHERE name = 'ProcessMassEmail' ORDER BY execute_at"
    )


async def test_the_life_of_a_mass_email(call, connection, ready):
    (row,) = (await call("mass-email", "list")).rows
    assert (row["name"], row["status"], row["email_template"], row["target_lists"]) == ("M", "Draft", "T", "L")
    assert await jobs(connection) == []
    done = await call("mass-email", "start", "M")
    assert (done.code, done.out, done.err) == (0, f"started {ready} M\n", "")
    assert len(await jobs(connection)) == 1
    assert (await build_mailing(connection, ready)).queued == 2
    assert "paused" in (await call("mass-email", "pause", "M", "--reason", "wrong subject")).out
    status = (await call("mass-email", "status", "M", "--json")).json
    assert (status["status"], status["items"]["pending"], status["items"]["total"]) == ("Paused", 2, 2)
    assert status["reason"].endswith(": wrong subject")
    assert (await call("mass-email", "edit", "M", "--from-name", "News")).code == 0
    assert (await call("mass-email", "resume", "M")).out == f"resumed {ready} M\n"
    assert (await call("mass-email", "show", "M", "--json")).json["status"] == "In Process"
    assert len(await jobs(connection)) == 2
    done = await call("mass-email", "edit", "M", "--clear", "from-name")
    assert (done.code, done.err) == (1, "Error: the mass e-mail 'M' is being sent: pause it first\n")
    assert (await call("mass-email", "remove", "M")).code == 1
    assert (await call("mass-email", "abort", "M")).out == f"aborted {ready} M\n"
    done = await call("mass-email", "status", "M")
    assert "skipped\t2" in done.out
    assert "Skipped\t2\tthe mass e-mail was aborted" in done.out
    assert len((await call("mass-email", "items", "M", "--status", "skipped")).rows) == 2
    done = await call("mass-email", "start", "M")
    assert (done.code, done.err.startswith("Error: the mass e-mail 'M' is Aborted already")) == (1, True)
    assert "with --rest for those" in done.err
    assert "with --everybody" in done.err
    assert (await call("mass-email", "start", "M", "--rest")).code == 0
    assert (await call("mass-email", "abort", "M")).code == 0
    assert (await call("mass-email", "remove", "M")).out == f"removed {ready} M\n"
    assert await connection.fetchval("SELECT count(*) FROM jobrunner.queue_item") == 0


async def test_it_starts_at_its_time(call, connection, ready):
    done = await call("mass-email", "start", "M", "--at", "2999-05-04T09:00+00:00")
    assert (done.code, "begins at 2999-05-04" in done.out) == (0, True)
    (job,) = await jobs(connection)
    assert job["execute_at"].isoformat() == "2999-05-04T09:00:00+00:00"
    assert await build_mailing(connection, ready) is None
    assert (await call("mass-email", "edit", "M", "--at", "2020-01-01T00:00")).code == 0
    assert (await build_mailing(connection, ready)).queued == 2
    assert len(await jobs(connection)) == 2


async def test_a_campaign_gives_its_lists(call, connection, ready):
    await call("target-list", "add", "X")
    await call("campaign", "add", "C", "--list", "L", "--excluding", "X", "--status", "inactive")
    added = (await call("mass-email", "add", "N", "--campaign", "C", "--template", "T", "--json")).json
    assert (added["target_lists"], added["excluding_lists"], added["campaign"]) == (["L"], ["X"], "C")
    other = (await call("mass-email", "add", "O", "--campaign", "C", "--list", "X", "--json")).json
    assert (other["target_lists"], other["excluding_lists"]) == (["X"], ["X"])
    done = await call("mass-email", "start", "N")
    assert done.err == "Its campaign 'C' is Inactive: nothing is sent while it is.\n"
    before = len(await jobs(connection))
    await call("campaign", "edit", "C", "--status", "active")
    assert len(await jobs(connection)) == before + 1
    done = await call("campaign", "edit", "C", "--type", "newsletter")
    assert done.err == "Error: the type of a campaign that has a mass e-mail cannot be changed\n"
    await call("campaign", "add", "W", "--type", "web")
    done = await call("mass-email", "add", "P", "--campaign", "W")
    assert done.err.startswith("Error: only campaigns of type Email, Newsletter and Informational Email have mass")


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (("edit", "M", "--clear", "template"), "has no template: `jobrunner mass-email edit"),
        (("edit", "M", "--clear", "list"), "has no target list: `jobrunner mass-email edit"),
        (("edit", "M", "--list", "Empty"), "nobody is in 'Empty': `jobrunner target-list import`"),
        (("edit", "M", "--account", "Off"), "the SMTP account 'Off' of the mass e-mail 'M' is Inactive"),
        (("edit", "M", "--account", "Office"), "the SMTP account 'Office' of the mass e-mail 'M' is not for mass mail"),
        ("JOBRUNNER_SMTP__HOST", "--account News`, or set up the system account"),
    ],
)
async def test_what_it_lacks_is_said_and_nothing_is_started(call, connection, ready, monkeypatch, change, sentence):
    await call("target-list", "add", "Empty")
    await connection.execute(
        """
        INSERT INTO jobrunner.smtp_account (name, kind, status, host, from_address, for_mass_mail) VALUES
            ('Off', 'Group', 'Inactive', 'mail.example.com', 'a@example.com', true),
            ('Office', 'Group', 'Active', 'mail.example.com', 'b@example.com', false),
            ('News', 'Group', 'Active', 'mail.example.com', 'c@example.com', true)
        """
    )
    if isinstance(change, str):
        monkeypatch.delenv(change)
    else:
        assert (await call("mass-email", *change)).code == 0
    done = await call("mass-email", "start", "M")
    assert (done.code, done.out) == (2, "")
    assert sentence in done.err
    assert (await call("mass-email", "show", "M", "--json")).json["status"] == "Draft"
    assert await jobs(connection) == []
    await call("mass-email", "edit", "M", "--template", "T", "--list", "L", "--account", "News")
    assert (await call("mass-email", "start", "M")).code == 0


async def test_a_template_that_cannot_be_sent_is_refused_by_start_and_resume(call, connection, ready):
    """It was written in SQL, or by an earlier version."""
    await connection.execute("UPDATE jobrunner.email_template SET body = E'Hi\n{% include \"x\" %}'")
    sentence = (
        "Error: the template 'T' of the mass e-mail 'M' cannot be sent: line 2 of the text is refused: include cannot "
        "be used here: `jobrunner email-template edit T`\n"
    )
    done = await call("mass-email", "start", "M")
    assert (done.code, done.out, done.err) == (2, "", sentence)
    assert (await call("mass-email", "show", "M", "--json")).json["status"] == "Draft"
    assert await jobs(connection) == []
    await connection.execute("UPDATE jobrunner.mass_email SET status = 'Paused', paused_at = now(), reason = 'x'")
    done = await call("mass-email", "resume", "M")
    assert (done.code, done.out, done.err) == (2, "", sentence)
    assert (await call("mass-email", "show", "M", "--json")).json["status"] == "Paused"
    assert (await call("email-template", "edit", "T", "--text", "a.txt")).code == 0
    assert (await call("mass-email", "resume", "M")).code == 0


async def test_without_a_url_for_links_nothing_starts(call, ready, monkeypatch):
    """One that only this machine can open is taken where somebody set it, and pointed out."""
    monkeypatch.delenv("JOBRUNNER_SITE_URL")
    for arguments in (["start", "M"], ["test", "M", "--to", "ann@example.org"]):
        done = await call("mass-email", *arguments)
        assert done.code == 2
        assert "set JOBRUNNER_SITE_URL, or `jobrunner settings set mass_email_site_url" in done.err
    assert (await call("mass-email", "show", "M", "--json")).json["status"] == "Draft"
    monkeypatch.setenv("JOBRUNNER_SITE_URL", "http://localhost")
    done = await call("mass-email", "start", "M")
    warning = "Warning: links in the mails begin with http://localhost (the site_url of the configuration)"
    assert (done.code, done.err.startswith(warning)) == (0, True)


async def test_its_account_stays_while_it_is_under_way(call, connection, ready):
    await connection.execute(
        """
        INSERT INTO jobrunner.smtp_account (name, kind, status, host, from_address, for_mass_mail)
        VALUES ('News', 'Group', 'Active', 'mail.example.com', 'c@example.com', true)
        """
    )
    await call("mass-email", "edit", "M", "--account", "News")
    assert (await call("mass-email", "start", "M")).code == 0
    for _ in range(2):  # Pending, then Paused
        done = await call("smtp-account", "remove", "News")
        assert (done.code, "the SMTP account 'News' sends 'M', which is under way" in done.err) == (1, True)
        await call("mass-email", "pause", "M")
    assert (await call("mass-email", "abort", "M")).code == 0
    assert (await call("smtp-account", "remove", "News")).code == 0


async def test_what_it_lacks_is_said_when_it_is_resumed(call, ready, monkeypatch):
    assert (await call("mass-email", "start", "M")).code == 0
    assert (await call("mass-email", "pause", "M")).code == 0
    monkeypatch.delenv("JOBRUNNER_SITE_URL")
    done = await call("mass-email", "resume", "M")
    assert (done.code, "set JOBRUNNER_SITE_URL" in done.err) == (2, True)
    assert (await call("mass-email", "show", "M", "--json")).json["status"] == "Paused"
    await call("settings", "set", "mass_email_site_url", "https://crm.example.com")
    assert (await call("mass-email", "resume", "M")).code == 0


@pytest.mark.parametrize(
    ("arguments", "code", "sentence"),
    [
        (("add", "M"), 1, "there is a mass e-mail of that name already"),
        (("add", "N", "--template", "Tee"), 2, "there is no template 'Tee'"),
        (("add", "N", "--from-address", "a@b>\r\nRCPT TO:<x@y"), 2, "'a@b>\\r\\nRCPT TO:<x@y' is no address"),
        (("add", "N", "--from-name", "a\r\nBcc: x@y"), 2, "the sender's name is one line"),
        (("add", "N", "--account", "Nobody"), 2, "there is no SMTP account 'Nobody'"),
        (("start", "M", "--at", "soon"), 2, "--at 'soon' is no time"),
        (("start", "M", "--rest", "--everybody"), 2, "--rest and --everybody contradict each other"),
        (("pause", "M"), 1, "the mass e-mail 'M' is Draft and cannot be paused: start it"),
        (("resume", "M"), 1, "the mass e-mail 'M' is Draft and cannot be resumed: start it"),
        (("abort", "M"), 1, "the mass e-mail 'M' is Draft and cannot be aborted: remove it"),
        (("items", "M", "--status", "done"), 2, "there is no status of an item 'done'"),
        (("show", "Emm"), 2, "there is no mass e-mail 'Emm'"),
        (("edit", "M"), 2, "nothing to change"),
        (("edit", "M", "--from-name", ""), 2, "--from-name is empty: give what it is to be, or `--clear from-name`"),
        (("edit", "M", "--clear", "name"), 2, "'name' cannot be emptied; did you mean"),
    ],
)
async def test_mistakes_are_refused(call, ready, arguments, code, sentence):
    """H04 for sender and names."""
    done = await call("mass-email", *arguments)
    assert (done.code, done.out) == (code, "")
    assert done.err.startswith(f"Error: {sentence}")


async def held_by(call, *options):
    return [hold["reason"] for hold in (await call("mass-email", "status", "M", "--json", *options)).json["held_by"]]


@pytest.fixture
async def started(call, connection, ready):
    """The mass e-mail M of two leads, under way by the account News; and a daemon that lives."""
    await Stage(connection).daemon("one")
    await connection.execute(
        """
        INSERT INTO jobrunner.smtp_account (name, kind, host, from_address, for_mass_mail)
        VALUES ('News', 'Group', 'mail.example.com', 'c@example.com', true)
        """
    )
    await call("mass-email", "edit", "M", "--account", "News")
    await call("mass-email", "start", "M")
    assert (await build_mailing(connection, ready)).queued == 2
    return str(await connection.fetchval("SELECT id FROM jobrunner.smtp_account"))


async def test_a_held_account_is_said(call, connection, started):
    """By start and resume in one line, by status with what helps; --follow does not go on for ever."""
    assert await held_by(call) == []
    await pause(connection, started, "authentication", "535 5.7.8 no")
    reason = (
        "the SMTP account 'News' is held back: paused: 535 5.7.8 no; mend it, then "
        "`jobrunner smtp-account test News --to ADDRESS` ends that"
    )
    assert await held_by(call, "--follow") == [reason]
    done = await call("mass-email", "status", "M")
    assert f"\nNothing goes out: {reason}\n" in done.out
    assert (await call("mass-email", "pause", "M", "--reason", "typo")).err == ""
    (paused,) = await held_by(call)
    assert paused.startswith("paused by ")
    assert paused.endswith(": typo; `jobrunner mass-email resume M` lets it go on")
    assert (await call("mass-email", "resume", "M")).err == f"Warning: {reason}\n"
    await call("mass-email", "abort", "M")
    assert await held_by(call) == []
    assert (await call("mass-email", "start", "M", "--rest")).err == f"Warning: {reason}\n"
    assert (await call("status")).code == 1


async def test_why_nothing_goes_out(call, connection, started):
    await cool_down(connection, started, "421 too much")
    done = await call("mass-email", "status", "M")
    assert "Nothing goes out: the SMTP account 'News' is held back: cools down until " in done.out
    await resume(connection, started)
    await call("settings", "set", "mass_email_max_per_hour_count", "1")
    await connection.execute("UPDATE jobrunner.smtp_account SET rate_per_hour = 1")
    await reserve(connection, started, 5)
    await connection.execute(
        "UPDATE jobrunner.queue_item SET next_attempt_at = now() + interval '1 day' WHERE target_id = 'a'"
    )
    await connection.execute(
        "UPDATE jobrunner.queue_item SET status = 'Sent', sent_at = now(), finished_at = now() WHERE target_id = 'b'"
    )
    await call("settings", "set", "paused", "yes")
    await connection.execute("UPDATE jobrunner.daemon SET expires_at = now() - interval '1 hour'")
    holds = (await call("mass-email", "status", "M", "--json")).json["held_by"]
    assert [hold["reason"].partition(":")[0].partition(" by ")[0] for hold in holds] == [
        "processing is paused",
        "no daemon is running",
        "the SMTP account 'News' sent as many as its rate allows",
        "in the last hour 1 mail was sent, and the setting mass_email_max_per_hour_count is 1",
        "the mail that is left waits for another attempt",
    ]
    assert [hold["until"] is not None for hold in holds] == [False, False, True, True, True]
    status = (await call("mass-email", "status", "M", "--json")).json
    assert status["items"]["next_attempt_at"] == holds[-1]["until"]


async def test_an_edit_is_whole_or_nothing(call, connection, ready):
    """Fields and lists are one change."""
    before = (await call("mass-email", "show", "M", "--json")).json
    done = await call("mass-email", "edit", "M", "--name", "N", "--list", "L", "--excluding", "Nowhere")
    assert (done.code, "there is no target list 'Nowhere'" in done.err) == (2, True)
    await call("mass-email", "add", "Other")
    done = await call("mass-email", "edit", "M", "--clear", "list", "--name", "Other")
    assert (done.code, "there is a mass e-mail of that name already" in done.err) == (1, True)
    assert (await call("mass-email", "show", "M", "--json")).json == before
    await call("mass-email", "edit", "M", "--name", "N", "--clear", "list", "--excluding", "L")
    after = (await call("mass-email", "show", "N", "--json")).json
    assert (after["target_lists"], after["excluding_lists"]) == ([], ["L"])

"""What `jobrunner mass-email` refuses before a mail goes to anybody, and what it says of a long one."""

import asyncio
import re
from datetime import UTC, datetime, timedelta

import asyncpg
import pytest

from jobrunner.services.mail.accounts import pause
from jobrunner.services.massmail.mass_emails.building import build_mailing
from tests.cli.calling import caller
from tests.cli.terminal import on_a_terminal
from tests.queue.stage import Stage as Engine
from tests.services.mail.smtp.scripted_server import ScriptedServer
from tests.services.massmail.sending.stage import KEY, Stage


@pytest.fixture
def call(capsys, database_url, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("JOBRUNNER_DATABASE_URL", database_url)
    monkeypatch.setenv("JOBRUNNER_SITE_URL", "https://crm.example.com")
    monkeypatch.setenv("JOBRUNNER_SECRET_KEY", KEY)
    monkeypatch.setenv("JOBRUNNER_SMTP__HOST", "mail.example.com")
    monkeypatch.setenv("JOBRUNNER_SMTP__FROM_ADDRESS", "news@example.com")
    (tmp_path / "a.txt").write_text("Hello\n")
    return caller(capsys)


@pytest.fixture
async def people(call, connection):
    """A list L of 250 leads, and a template T."""
    await connection.execute(
        "INSERT INTO jobrunner.lead (id, email) SELECT g, g || '@x.org' FROM generate_series(1, 250) g"
    )
    await call("target-list", "add", "L")
    await connection.execute(
        """
        INSERT INTO jobrunner.target_list_member (target_list_id, target_type, target_id)
        SELECT l.id, 'Lead', p.id FROM jobrunner.target_list AS l, jobrunner.lead AS p
        """
    )
    await call("email-template", "add", "T", "--subject", "Hi", "--text", "a.txt")


async def make_foreign(call, tmp_path):
    """Let the template T name a tracking URL of the campaign Winter; return its placeholder."""
    await call("campaign", "add", "Winter")
    await call("campaign", "add", "Summer")
    await call("campaign", "add-url", "Summer", "Ours", "--url", "https://example.com/summer")
    placeholder = (await call("campaign", "add-url", "Winter", "Theirs", "--url", "https://example.com")).out.strip()
    (tmp_path / "b.txt").write_text(f"Hello: {placeholder}\n")
    assert (await call("email-template", "edit", "T", "--text", "b.txt")).code == 0
    return placeholder


async def test_tracking_urls_of_another_campaign_are_refused(call, connection, people, tmp_path):
    """By add and edit, which then change nothing, by test, start and resume; in its own campaign it goes."""
    assert (await call("mass-email", "add", "M", "--template", "T", "--list", "L", "--campaign", "Winter")).code == 2
    await make_foreign(call, tmp_path)
    placeholder = await connection.fetchval("SELECT '{trackingUrl:' || max(id) || '}' FROM jobrunner.tracking_url")
    why = (
        f"its template names {placeholder}, which is no tracking URL of its campaign 'Summer': `jobrunner campaign "
        "show Summer` lists those"
    )
    done = await call("mass-email", "add", "M", "--template", "T", "--list", "L", "--campaign", "Summer")
    assert (done.code, done.err) == (2, f"Error: the mass e-mail 'M' cannot be sent: {why}\n")
    assert await connection.fetchval("SELECT count(*) FROM jobrunner.mass_email") == 0
    assert (await call("mass-email", "add", "M", "--list", "L", "--campaign", "Summer")).code == 0
    done = await call("mass-email", "edit", "M", "--template", "T", "--from-name", "N")
    assert (done.code, why in done.err) == (2, True)
    shown = (await call("mass-email", "show", "M", "--json")).json
    assert (shown["email_template"], shown["from_name"]) == (None, None)

    await connection.execute(
        "UPDATE jobrunner.mass_email SET email_template_id = (SELECT id FROM jobrunner.email_template)"
    )
    done = await call("mass-email", "test", "M", "--to", "a@example.com")
    assert (done.code != 0, why in done.err) == (True, True)
    done = await call("mass-email", "start", "M")
    assert (done.code, why in done.err) == (2, True)
    await connection.execute("UPDATE jobrunner.mass_email SET status = 'Paused', paused_at = now(), reason = 'x'")
    done = await call("mass-email", "resume", "M")
    assert (done.code, why in done.err) == (2, True)
    assert (await call("mass-email", "show", "M", "--json")).json["status"] == "Paused"

    done = await call("mass-email", "add", "N", "--template", "T", "--list", "L")
    assert f"its template names {placeholder}, and it has no campaign" in done.err
    assert (await call("mass-email", "add", "N", "--template", "T", "--list", "L", "--campaign", "Winter")).code == 0
    assert (await call("mass-email", "start", "N")).code == 0


async def test_a_tracking_url_that_is_removed_under_way_pauses_the_mailing(database_url):
    """Nobody gets its placeholder as it is written."""
    async with asyncpg.create_pool(database_url, min_size=0, max_size=8) as pool, ScriptedServer() as server:
        stage = Stage(pool, database_url)
        await stage.add_mailing(server.port, 2)
        await pool.execute("UPDATE jobrunner.email_template SET body = body || '{trackingUrl:77}'")
        await stage.run()
        state, reason = await stage.state()
        assert (state, await stage.counts(), len(server.messages)) == ("Paused", {"Pending": 2}, 0)
    assert reason is not None
    assert reason.startswith("its template names {trackingUrl:77}, which is no tracking URL of its campaign 'May'")


def forecast_of(text):
    """Recipients, limit and the moment that start has told, to the minute; None where it told nothing."""
    found = re.search(r"^([\d,]+) get it, at most ([\d,]+) in an hour: done at about (\S+ \S+) \(", text, re.MULTILINE)
    return found and (found[1], found[2], datetime.fromisoformat(found[3]))


def near(moment, expected):
    return abs((moment - expected).total_seconds()) < 60


async def test_start_says_when_one_that_the_hour_holds_up_is_done(call, connection, people):
    """Who is opted out, excluded or reached before does not count; what the last hour has used does."""
    await call("mass-email", "add", "M", "--template", "T", "--list", "L")
    await connection.execute(
        """
        UPDATE jobrunner.target_list_member SET opted_out = true WHERE target_id = '1';
        UPDATE jobrunner.email_address SET invalid = true WHERE key = '2@x.org';
        UPDATE jobrunner.lead SET email = '4@x.org' WHERE id = '3'
        """
    )
    done = await call("mass-email", "start", "M")
    assert (done.code, done.out.startswith("started ")) == (0, True)
    number, limit, moment = forecast_of(done.err)
    assert (number, limit) == ("247", "100")
    assert near(moment, datetime.now(UTC) + timedelta(hours=2))

    assert (await build_mailing(connection, 1)).queued == 247
    await connection.execute(
        """
        UPDATE jobrunner.queue_item SET status = 'Sent', sent_at = now(), finished_at = now()
        WHERE target_id::int < 100;
        UPDATE jobrunner.mass_email SET status = 'Aborted', finished_at = now()
        """
    )
    number, _, moment = forecast_of((await call("mass-email", "start", "M", "--rest")).err)
    assert number == "151"
    assert near(moment, datetime.now(UTC) + timedelta(hours=2))  # 4 now, 100 in an hour, 47 an hour later
    await call("mass-email", "abort", "M")
    number, _, _ = forecast_of((await call("mass-email", "start", "M", "--everybody")).err)
    assert number == "247"
    await call("mass-email", "abort", "M")
    # By its time the hour is free again.
    number, _, moment = forecast_of((await call("mass-email", "start", "M", "--rest", "--at", "2999-01-01T00:00Z")).err)
    assert (number, moment) == ("247", datetime(2999, 1, 1, 2, tzinfo=UTC))
    await call("mass-email", "abort", "M")
    for most in (247 + 96, 0):
        await call("settings", "set", "mass_email_max_per_hour_count", str(most))
        assert forecast_of((await call("mass-email", "start", "M", "--rest")).err) is None
        await call("mass-email", "abort", "M")


async def test_settling_both_ways_at_once_is_refused(call, people):
    await call("mass-email", "add", "M", "--template", "T", "--list", "L")
    done = await call("mass-email", "settle", "M", "--retry", "--sent")
    assert (done.code, done.err) == (2, "Error: --retry and --sent contradict each other: give one of them\n")


def followed(name, columns):
    """Follow a mass e-mail on a terminal of so many columns; return what it wrote to it."""
    arguments = ("-m", "jobrunner", "mass-email", "status", name, "--follow")
    seen = on_a_terminal(*arguments, columns=columns, stream="stderr")
    assert "Nothing goes out" in seen.beside
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", seen.screen).replace("\r", "\n")


async def test_followed_on_a_narrow_terminal_nothing_is_cut_off(call, connection, people):
    await call("mass-email", "add", "M", "--template", "T", "--list", "L")
    await call("mass-email", "start", "M")
    await build_mailing(connection, 1)
    await Engine(connection).daemon("one")
    await pause(connection, "system", "authentication", "535 5.7.8 " + "the password is not the right one " * 5)
    out = await asyncio.to_thread(followed, "M", 80)
    lines = [line.rstrip() for line in out.splitlines() if line.strip()]
    assert max(map(len, lines)) <= 80
    assert "M: " in lines[0]
    assert "0 of 250 mails" in lines[0]
    assert "`jobrunner smtp-account test system --to ADDRESS` ends that)" in " ".join(lines)

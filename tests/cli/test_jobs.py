import io
import json
from datetime import UTC, datetime, timedelta

import pytest

from jobrunner.cli.moments import parse_moment, parse_span
from jobrunner.errors import InvalidInput
from tests.cli.calling import caller
from tests.queue.stage import Stage


@pytest.fixture
def stage(connection):
    return Stage(connection)


# list


async def test_jobs_are_listed_newest_first(call, stage):
    failed = await stage.run("Failed", error="ValueError: no\nsecond line", target_type="Account", target_id="a1")
    pending = await stage.enqueue(queue="q0")
    done = await call("jobs", "list")
    assert (done.code, done.err) == (0, "")
    assert [(row["id"], row["status"], row["queue"]) for row in done.rows] == [
        (str(pending), "Pending", "q0"),
        (str(failed), "Failed", "main"),
    ]
    assert done.rows[1]["reason"] == "ValueError: no"
    assert done.rows[1]["target"] == "Account:a1"
    assert done.rows[1]["tries"] == "1/3"


async def test_a_list_as_json_has_all_fields(call, stage):
    job = await stage.run("Failed", error="ValueError: no\nsecond line", group_name="g")
    ((row),) = (await call("jobs", "list", "--json")).json
    assert (row["id"], row["group_name"], row["error"]) == (job, "g", "ValueError: no\nsecond line")
    assert datetime.fromisoformat(row["finished_at"]).tzinfo is not None
    assert row["duration"] >= 0
    assert "tries" not in row


async def test_an_empty_list(call):
    assert (await call("jobs", "list", "--json")).json == []
    done = await call("jobs", "list")
    assert (done.rows, done.err) == ([], "There are no jobs.\n")
    done = await call("jobs", "list", "--name", "Nobody")
    assert (done.rows, done.err) == ([], "No job is like that.\n")
    assert (await call("jobs", "list", "--name", "Nobody", "--json")).err == ""


async def test_every_filter(call, stage):
    schedule = await stage.schedule("Nightly")
    await stage.publish("SendMail")
    meant = await stage.enqueue("SendMail", queue="q0", group_name="g", target_type="Account", target_id="a:1")
    await stage.connection.execute("UPDATE jobrunner.job SET scheduled_job_id = $1", schedule)
    await stage.enqueue("Other")
    for options in (
        ["--status", "pending", "--name", "send-mail"],
        ["--queue", "q0"],
        ["--group", "g"],
        ["--scheduled-job", "Nightly"],
        ["--scheduled-job", schedule],
        ["--target", "Account:a:1", "--since", "1h"],
        ["--before", meant + 1, "--since", "today"],
    ):
        assert [row["id"] for row in (await call("jobs", "list", *options)).rows] == [str(meant)], options
    assert (await call("jobs", "list", "--since", "2999-01-01")).rows == []


async def test_a_target_by_type_and_id_or_id_alone(call, stage):
    job = await stage.enqueue(target_type="Account", target_id="a1")
    other = await stage.enqueue(target_type="Case", target_id="a1")
    assert [row["id"] for row in (await call("jobs", "list", "--target", "Account:a1")).rows] == [str(job)]
    assert [row["id"] for row in (await call("jobs", "list", "--target", "a1")).rows] == [str(other), str(job)]
    for nothing in ("", ":"):
        done = await call("jobs", "list", "--target", nothing)
        assert (done.code, done.out) == (2, "")
        assert f"got {nothing!r}" in done.err


async def test_the_next_page_is_named(call, stage):
    jobs = [await stage.enqueue() for _ in range(5)]
    done = await call("jobs", "list", "--limit", 2)
    assert len(done.rows) == 2
    assert f"`--before {jobs[3]}` shows more" in done.err
    done = await call("jobs", "list", "--limit", 3, "--before", jobs[3])
    assert [row["id"] for row in done.rows] == [str(job) for job in jobs[2::-1]]
    last = await call("jobs", "list", "--limit", 3, "--before", jobs[0])
    assert (last.rows, last.err) == ([], "")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--status", "Sucess"], "no job has the status 'Sucess'; did you mean Success?"),
        (["--limit", "0"], "'--limit'"),
        (["--limit", "1001"], "'--limit'"),
        (["--limit", "many"], "'--limit'"),
        (["--before", "-1"], "'--before'"),
        (["--since", "soon"], "--since 'soon' is no time; write it as 2026-03-29T01:30, or as 2h or 1d before now"),
        (["--scheduled-job", "Nightly"], "no scheduled job is named 'Nightly'"),
        (["--nonsense"], "No such option: --nonsense"),
    ],
)
async def test_a_mistake_is_one_sentence_and_two(call, options, words):
    done = await call("jobs", "list", *options)
    assert (done.code, done.out) == (2, "")
    assert words in done.err
    assert len(done.err.splitlines()) == 1


async def test_a_cursor_beyond_all_ids(call, stage):
    job = await stage.enqueue()
    assert [row["id"] for row in (await call("jobs", "list", "--before", 10**30)).rows] == [str(job)]


async def test_what_jobs_say_is_harmless_on_a_terminal(call, stage):
    """H17: escapes, line breaks and marks of direction in names, targets and errors are written out."""
    job = await stage.run("Failed", error="\x1b[2J\u202egnp.exe\r\n\tmore", target_id="a")
    await stage.connection.execute(
        "UPDATE jobrunner.job_history SET name = $1, queue = $1, group_name = $1", "x\x1b]0;title\x07\ny"
    )
    await stage.log(job, "\x1b[31mred", "one\ntwo\x9b0m")
    for arguments in (["list"], ["show", job], ["list", "--json"], ["show", job, "--json"]):
        done = await call("jobs", *arguments)
        for hostile in "\x1b\x07\x9b\u202e\r":
            assert hostile not in done.out + done.err
    assert len((await call("jobs", "list")).lines) == 2
    for command in ("logs", "why", "status"):
        done = await call(command, *([job] if command != "status" else []))
        assert not set("\x1b\x07\x9b\u202e\r") & set(done.out + done.err)


# show


async def test_a_job_is_shown_with_attempts_and_data(call, stage):
    big = 2**53 + 1
    job = await stage.enqueue(data={"number": big}, max_attempts=2, target_type="Account", target_id="a1")
    daemon = await stage.daemon("one")
    await stage.claim(daemon)
    await stage.requeue(job, "Timeout", "its deadline of 5 s passed", pause=0)
    await stage.claim(daemon)
    await stage.finish(job, "Failed", "ValueError: no")
    await stage.log(job, "a", "b")
    shown = (await call("jobs", "show", job, "--json")).json
    assert (shown["id"], shown["status"], shown["data"], shown["log_lines"]) == (job, "Failed", {"number": big}, 2)
    assert [(one["attempt"], one["outcome"], one["daemon"]) for one in shown["attempts"]] == [
        (1, "Timeout", "one"),
        (2, "Failed", "one"),
    ]
    done = await call("jobs", "show", job)
    assert f'data\t{{"number": {big}}}' in done.lines
    assert "log_lines\t2" in done.lines
    assert f"`jobrunner logs {job}`" in done.err


async def test_the_whole_error_is_shown_and_harmless(call, stage):
    """H17: over several lines, as a traceback is, and without what a terminal would obey."""
    job = await stage.run("Failed", error="ValueError: no\nin module:\n  line 1 \x1b[31mred")
    done = await call("jobs", "show", job)
    assert "error\tValueError: no" in done.lines
    assert done.out.endswith("\n\nValueError: no\nin module:\n  line 1 \\x1b[31mred\n")


@pytest.mark.parametrize("command", [["jobs", "show"], ["jobs", "cancel"], ["jobs", "retry"], ["logs"], ["why"]])
@pytest.mark.parametrize("job_id", ["77", "0", str(2**70)])
async def test_an_unknown_id_is_two(call, command, job_id):
    done = await call(*command, job_id)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith(f"Error: there is no job {job_id}: ")


@pytest.mark.parametrize("command", [["jobs", "show"], ["jobs", "cancel"], ["jobs", "retry"], ["logs"], ["why"]])
async def test_an_id_that_is_no_number_is_two(call, command):
    done = await call(*command, "seven")
    assert (done.code, done.out) == (2, "")
    assert "Invalid value for " in done.err
    assert len(done.err.splitlines()) == 1


# enqueue


async def test_a_job_is_enqueued_with_every_option(call, stage):
    await stage.publish("SendMail")
    done = await call(
        *("jobs", "enqueue", "send-mail", "--data", '{"big": 12345678901234567890123}', "--queue", "q0"),
        *("--group", "g", "--delay", "2h", "--priority", "-3", "--target-type", "Account", "--target-id", "a1"),
        *("--max-attempts", "7", "--unique-key", "k"),
    )
    assert (done.code, done.err) == (0, "")
    shown = (await call("jobs", "show", done.out.strip(), "--json")).json
    assert (shown["name"], shown["queue"], shown["group_name"]) == ("SendMail", "q0", "g")
    assert (shown["priority"], shown["max_attempts"], shown["unique_key"]) == (-3, 7, "k")
    assert (shown["target_type"], shown["target_id"]) == ("Account", "a1")
    assert shown["data"] == {"big": 12345678901234567890123}
    due = datetime.fromisoformat(shown["execute_at"])
    assert timedelta(minutes=119) < due - datetime.now(UTC) <= timedelta(hours=2)
    again = await call("jobs", "enqueue", "SendMail", "--unique-key", "k", "--json")
    assert again.json == {"id": shown["id"]}


async def test_a_job_is_enqueued_for_a_time(call, stage):
    await stage.publish("SendMail")
    done = await call("jobs", "enqueue", "SendMail", "--at", "2050-01-01T12:00+02:00")
    shown = (await call("jobs", "show", done.out.strip(), "--json")).json
    assert datetime.fromisoformat(shown["execute_at"]) == datetime(2050, 1, 1, 10, tzinfo=UTC)


async def test_data_may_come_from_standard_input(call, stage, monkeypatch):
    """H21: so a secret in it is seen neither in the list of processes nor in the shell's history."""
    await stage.publish("SendMail")
    monkeypatch.setattr("sys.stdin", io.StringIO('{"to": "ada"}'))
    done = await call("jobs", "enqueue", "SendMail", "--data", "-")
    assert (await call("jobs", "show", done.out.strip(), "--json")).json["data"] == {"to": "ada"}


async def test_a_name_that_nobody_knows_is_refused_unless_forced(call, stage):
    await stage.publish("SendMail")
    done = await call("jobs", "enqueue", "SendMial")
    assert (done.code, done.out) == (2, "")
    assert done.err == "Error: no job is named 'SendMial'; did you mean SendMail?\n"
    assert await stage.connection.fetchval("SELECT count(*) FROM jobrunner.job") == 0
    done = await call("jobs", "enqueue", "SendMial", "--force")
    assert done.code == 0
    assert "no daemon" in (await call("why", done.out.strip())).out


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--data", "{"], "must be JSON"),
        (["--data", "[1]"], "must be a JSON object, got array"),
        (["--data", '{"a": NaN}'], "NaN"),
        (["--data", '{"a": 1e400}'], "1.8e308"),
        (["--data", '{"a": "\\u0000"}'], "NUL"),
        (["--data", '{"a": "\\ud800"}'], "surrogate"),
        (["--data", "{" + '"a":{' * 200 + "}" * 201], "100 levels"),
        (["--data", json.dumps({"a": "x" * 2_000_000})], "1 MiB"),
        (["--max-attempts", "0"], "max_attempts must be from 1 to 1000, got 0"),
        (["--priority", str(2**31)], "priority must be a whole number"),
        (["--queue", "a\x1bb"], "may not contain control characters"),
        (["--group", "~schedule/1"], "may not begin with ~"),
        (["--group", "\u202eg"], "marks of writing direction"),
        (["--target-id", "x" * 300], "1 to 255 letters"),
        (["--unique-key", ""], "1 to 255 letters"),
        (["--delay", "soon"], "--delay 'soon' is no span of time; write it as 90s, 15m, 2h or 1d"),
        (["--at", "soon"], "--at 'soon' is no time; write it as 2026-03-29T01:30"),
    ],
)
async def test_what_cannot_be_held_is_refused(call, stage, options, words):
    """H02, H03 at the door of the command line: one sentence, exit 2, nothing written."""
    await stage.publish("SendMail")
    done = await call("jobs", "enqueue", "SendMail", *options)
    assert (done.code, done.out) == (2, "")
    assert words in done.err
    assert len(done.err.splitlines()) == 1
    assert await stage.connection.fetchval("SELECT count(*) FROM jobrunner.job") == 0


# retry and cancel


async def test_failed_jobs_are_retried(call, stage):
    jobs = [await stage.run("Failed") for _ in range(2)]
    success = await stage.run()
    done = await call("jobs", "retry", *jobs, success)
    assert done.code == 1
    assert done.lines == [f"job {job} is Pending again" for job in jobs]
    assert done.err.startswith(f"Error: job {success} cannot be retried: it succeeded")
    assert [await stage.status(job) for job in jobs] == ["Pending", "Pending"]


async def test_a_retry_as_json(call, stage):
    job = await stage.run("Failed")
    done = await call("jobs", "retry", job, 999, "--json")
    assert done.code == 2
    assert done.json["retried"] == [job]
    assert done.json["refused"]["999"].startswith("there is no job 999")


async def test_failed_jobs_are_retried_in_bulk_and_counted(call, stage):
    for _ in range(3):
        await stage.run("Failed", name="SendMail")
    await stage.publish("SendMail")
    held = await stage.run("Failed", name="SendMail", unique_key="k")
    await stage.enqueue(unique_key="k")
    other = await stage.run("Failed")
    old = await stage.run("Failed", name="SendMail")
    await stage.connection.execute(
        "UPDATE jobrunner.job_history SET finished_at = now() - interval '3 days' WHERE id = $1", old
    )
    done = await call("jobs", "retry", "--failed", "--name", "send-mail", "--since", "1d")
    assert (done.code, done.out) == (0, "3 jobs are Pending again\n")
    assert done.err == "1 job stays Failed: another job has the unique key.\n"
    assert [await stage.status(job) for job in (held, other, old)] == ["Failed"] * 3
    done = await call("jobs", "retry", "--failed", "--all", "--json")
    assert done.json == {"retried": 2, "left": 1}


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "give the ids of the jobs, or --failed"),
        (["--failed"], "or --all for every failed job"),
        (["--failed", "5", "--name", "x"], "give either ids or --failed, not both"),
        (["5", "--name", "x"], "go with --failed"),
        (["--all"], "go with --failed"),
    ],
)
async def test_all_must_be_said(call, stage, arguments, words):
    """H19: an empty filter retries nothing."""
    job = await stage.run("Failed")
    done = await call("jobs", "retry", *arguments)
    assert (done.code, done.out) == (2, "")
    assert words in done.err
    assert await stage.status(job) == "Failed"


async def test_jobs_are_cancelled(call, stage):
    running = await stage.enqueue()
    await stage.claim(await stage.daemon())
    pending = await stage.enqueue()
    done = await call("jobs", "cancel", pending, running)
    assert (done.code, done.err) == (0, "")
    assert done.lines == [f"job {pending} is Cancelled", f"job {running} was asked to stop"]
    shown = (await call("jobs", "show", pending, "--json")).json
    assert shown["error"].startswith("cancelled by ")
    assert shown["error"] != "cancelled by jobrunner"  # who sits at the terminal, not the database user


async def test_what_is_finished_is_not_cancelled(call, stage):
    job = await stage.run("Failed")
    done = await call("jobs", "cancel", job, "--json")
    assert done.code == 1
    assert done.json["cancelled"] == {}
    assert f"job {job} cannot be cancelled: it is Failed since" in done.json["refused"][str(job)]
    assert f"Error: job {job} cannot be cancelled" in done.err


# The database


async def test_a_database_that_is_away_is_one_sentence(capsys, monkeypatch):
    """H21: the password of the URL is not in it."""
    monkeypatch.setenv("JOBRUNNER_DATABASE_URL", "postgresql://crm:canary-51c9@127.0.0.1:1/crm")
    for arguments in (["jobs", "list"], ["jobs", "show", 1], ["why", 1], ["logs", 1], ["app-info", "--jobs"]):
        done = await caller(capsys)(*arguments)
        assert (done.code, done.out) == (1, "")
        assert done.err.startswith("Error: cannot use the database ")
        assert "127.0.0.1:1/crm" in done.err
        assert "canary" not in done.err
        assert len(done.err.splitlines()) == 1


async def test_a_database_without_our_tables_says_what_helps(capsys, monkeypatch, empty_database_url):
    monkeypatch.setenv("JOBRUNNER_DATABASE_URL", empty_database_url)
    done = await caller(capsys)("jobs", "list")
    assert (done.code, done.out) == (1, "")
    assert "`jobrunner migrate`" in done.err


# Times


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90", 90), ("90s", 90), (" 15m", 900), ("15 min", 900), ("2h", 7200), ("1D", 86400), ("1w", 604800)],
)
def test_spans(text, seconds):
    assert parse_span("--delay", text) == seconds


@pytest.mark.parametrize("text", ["", "-1s", "1.5h", "h", "1y", "٣h", "9" * 10 + "d", "1h30m"])
def test_what_is_no_span(text):
    with pytest.raises(InvalidInput, match=r"--delay .* is no span of time"):
        parse_span("--delay", text)


def test_moments():
    assert parse_moment("--at", "2026-03-29T01:30+02:00") == datetime(2026, 3, 28, 23, 30, tzinfo=UTC)
    assert parse_moment("--at", "2026-03-29T01:30Z") == datetime(2026, 3, 29, 1, 30, tzinfo=UTC)
    assert parse_moment("--at", "2026-03-29").utcoffset() is not None
    assert parse_moment("--since", "today").hour == 0
    before = datetime.now(UTC) - timedelta(hours=2)
    assert timedelta(0) <= parse_moment("--since", "2h", ago=True) - before < timedelta(seconds=5)


@pytest.mark.parametrize("text", ["", "soon", "2h", "2026-13-01", "99999999w", "\x00"])
def test_what_is_no_moment(text):
    with pytest.raises(InvalidInput, match=r"--at .* is no time"):
        parse_moment("--at", text)
    if text != "2h":
        with pytest.raises(InvalidInput, match=r"--since .* is no time"):
            parse_moment("--since", text, ago=True)

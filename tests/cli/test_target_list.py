"""`jobrunner target-list`, as a person types it."""

import asyncio
import csv
import io
import subprocess
import sys

import pytest

from tests.cli.calling import caller

PERSONS = """\ufeffE-mail;First name;Last name;City
ann@example.com;Ann;A;Bath
nobody;No;Body;
bob@example.com;Bob;B;=1+1
"""


@pytest.fixture
def call(capsys, database_url, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("JOBRUNNER_DATABASE_URL", database_url)
    (tmp_path / "persons.csv").write_text(PERSONS, encoding="utf-8")
    return caller(capsys)


async def counts(connection):
    tables = ("target_list", "lead", "target_list_member")
    return [await connection.fetchval(f"SELECT count(*) FROM jobrunner.{table}") for table in tables]


async def test_the_life_of_a_list(call, connection):
    done = await call("target-list", "add", "Spring", "--description", "All of them")
    assert (done.code, done.err) == (0, "")
    number = done.out.split()[1]
    assert done.out == f"added {number} Spring\n"
    (row,) = (await call("target-list", "list")).rows
    assert (row["name"], row["entry_count"], row["opted_out_count"]) == ("Spring", "0", "0")
    await connection.execute("INSERT INTO jobrunner.lead (id, email) VALUES ('x', 'x@example.com')")
    done = await call("target-list", "add-members", "Spring", "x", "y", "--type", "lead")
    assert (done.code, done.out, done.err) == (1, "added 1\n", "There is no lead of the id y\n")
    assert (await call("target-list", "opt-out", number, "X@example.com")).out == "opted out X@example.com\n"
    assert (await call("target-list", "opt-out", number, "x@example.com")).out == "opted out already x@example.com\n"
    (row,) = (await call("target-list", "members", "Spring")).rows
    assert (row["target_type"], row["target_id"], row["email"], row["opted_out"]) == (
        "Lead",
        "x",
        "x@example.com",
        "yes",
    )
    assert (await call("target-list", "opt-in", "Spring", "x@example.com")).out == "opted in x@example.com\n"
    done = await call("target-list", "opt-out", "Spring", "z@example.com")
    assert done.out == "opted out z@example.com (no member has it)\n"
    assert (await call("target-list", "show", "Spring", "--json")).json["lead_count"] == 1
    assert (await call("target-list", "remove-members", "Spring", "x", "--type", "Leads")).out == "removed 1\n"
    assert (await call("target-list", "remove", "Spring")).out == f"removed {number} Spring\n"
    for name in ("Summer", "Autumn"):
        await call("target-list", "add", name)
    removed = (await call("target-list", "remove", "Summer", "Autumn", "--json")).json
    assert [one["name"] for one in removed] == ["Summer", "Autumn"]
    assert await counts(connection) == [0, 1, 0]


async def test_an_import_reports_bad_lines_and_takes_the_others(call, connection):
    done = await call("target-list", "import", "New", "persons.csv", "--type", "lead", "--create")
    assert (done.code, done.err) == (1, "")
    assert done.lines[:5] == ["read\t3", "persons_added\t2", "members_added\t2", "members_before\t0", "bad\t1"]
    assert done.lines[6:8] == ["Bad lines", "line\treason"]
    assert done.lines[8].startswith("3\t'nobody' is no address that mail can be sent to")
    assert await counts(connection) == [1, 2, 2]
    done = await call("target-list", "import", "New", "persons.csv", "--type", "lead", "--json")
    assert (done.code, done.json["persons_added"], done.json["members_before"]) == (1, 0, 2)
    assert done.json["bad_lines"][0]["line"] == 3
    assert await counts(connection) == [1, 2, 2]


async def test_a_file_in_another_encoding_is_to_be_saved_anew(call, tmp_path):
    (tmp_path / "latin.csv").write_bytes("email,name\na@x.org,Jän\nb@x.org,Jörg\nc@x.org,C\n".encode("latin-1"))
    done = await call("target-list", "import", "New", "latin.csv", "--type", "lead", "--create")
    assert (done.code, done.lines[0], done.lines[4]) == (1, "read\t3", "bad\t2")
    assert done.err.startswith("Save latin.csv as CSV in UTF-8 and import it again")
    assert done.err.count("\n") == 1


@pytest.mark.parametrize(
    "content", ["", "first name,city\nAnn,Bath\n", "ann@x.org,Ann\n", "email,email\na@x.org,b@x.org\n"]
)
async def test_a_file_that_is_refused_as_a_whole_leaves_no_empty_list(call, connection, tmp_path, content):
    (tmp_path / "wrong.csv").write_text(content)
    assert (await call("target-list", "import", "New", "wrong.csv", "--type", "lead", "--create")).code == 2
    assert await counts(connection) == [0, 0, 0]


async def test_a_dry_run_says_the_same_and_writes_nothing(call, connection):
    done = await call("target-list", "import", "New", "persons.csv", "--type", "lead", "--create", "--dry-run")
    assert done.lines[:5] == ["read\t3", "persons_added\t2", "members_added\t2", "members_before\t0", "bad\t1"]
    assert done.lines[-1] == "Nothing was written: this was a dry run."
    assert await counts(connection) == [0, 0, 0]


def piped(content, *arguments):
    """Call a command whose standard input is a pipe with this in it."""
    return subprocess.run(
        [sys.executable, "-m", "jobrunner", "target-list", *arguments], input=content, capture_output=True, timeout=60
    )


@pytest.mark.parametrize("file", ["-", "/dev/stdin"])
async def test_an_import_reads_standard_input_from_its_beginning(call, connection, file):
    """Also a byte order mark, and in a dry run; what it says of the input as a whole names that."""
    arguments = ("import", "New", file, "--type", "lead", "--create")
    dry = await asyncio.to_thread(piped, PERSONS.encode(), *arguments, "--dry-run")
    assert (dry.returncode, dry.stdout.decode().splitlines()[:2]) == (1, ["read\t3", "persons_added\t2"])
    assert await counts(connection) == [0, 0, 0]
    done = await asyncio.to_thread(piped, PERSONS.encode(), *arguments)
    assert (done.returncode, done.stdout.decode().splitlines()[:2]) == (1, ["read\t3", "persons_added\t2"])
    assert await counts(connection) == [1, 2, 2]
    wrong = await asyncio.to_thread(piped, PERSONS.encode("utf-16"), *arguments)
    named = "standard input" if file == "-" else file
    assert (wrong.returncode, wrong.stderr.decode()) == (2, f"Error: {named} is UTF-16: save it as CSV in UTF-8\n")


async def test_an_export_has_no_formulas(call, connection, tmp_path):
    """H11"""
    await connection.execute(
        "INSERT INTO jobrunner.lead (id, last_name, email) VALUES ('-1', '=1+1', '+a@example.com')"
    )
    await call("target-list", "add", "L")
    await call("target-list", "add-members", "L", "--type", "lead", "--", "-1")
    done = await call("target-list", "export", "L", "out.csv")
    assert (done.code, done.out, done.err) == (0, "", "1 members written to out.csv\n")
    rows = list(csv.reader(io.StringIO((tmp_path / "out.csv").read_text(encoding="utf-8"), newline="")))
    assert rows[1] == ["Lead", "'-1", "'=1+1", "", "'=1+1", "'+a@example.com", "", "", "no"]
    assert (await call("target-list", "import", "Again", "out.csv", "--type", "lead", "--create")).code == 0


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("show", "Sprin"), "there is no target list 'Sprin'; did you mean Spring?"),
        (("add", "Spring"), "there is a target list of that name already: choose another"),
        (("add", "12"), "a name has 1 to 255 letters, not digits only, no line breaks, and no blanks around it"),
        (("import", "Spring", "none.csv", "--type", "lead"), "none.csv cannot be read: no such file or directory"),
        (("import", "Other", "persons.csv", "--type", "lead"), "there is no target list 'Other'; there are Spring"),
        (("import", "Spring", "persons.csv", "--type", "led"), "members are accounts, contacts, leads and users"),
        (("opt-out", "Spring", "nobody"), "'nobody' is no address that mail can be sent to: it has no @"),
        (("remove", "Spring", "Sprung"), "there is no target list 'Sprung'; did you mean Spring?"),
        (("export", "Spring", "no/such/folder"), "no/such/folder cannot be written: no such file or directory"),
    ],
)
async def test_mistakes_are_refused(call, connection, arguments, sentence):
    await call("target-list", "add", "Spring")
    done = await call("target-list", *arguments)
    assert (done.code in (1, 2), done.out) == (True, "")
    assert done.err.startswith(f"Error: {sentence}")
    assert done.err.count("\n") == 1
    assert await counts(connection) == [1, 0, 0]


async def test_a_list_in_use_stays(call):
    await call("target-list", "add", "Spring")
    await call("mass-email", "add", "M", "--list", "Spring")
    done = await call("target-list", "remove", "Spring")
    assert (done.code, done.out) == (1, "")
    assert done.err == "Error: the target list 'Spring' is used by 'M': take it out there first, or abort it\n"

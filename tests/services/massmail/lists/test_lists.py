"""Target lists and their members."""

import csv
import io
import json

import asyncpg
import hypothesis
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from jobrunner.db.sql import load
from jobrunner.errors import Conflict, InvalidInput, NotFound
from jobrunner.services.massmail.lists.cells import defuse
from jobrunner.services.massmail.lists.exporting import export_members
from jobrunner.services.massmail.lists.importing import import_members
from jobrunner.services.massmail.lists.members import (
    add_members,
    list_fields,
    list_members,
    opt_in_to_list,
    opt_out_of_list,
    remove_members,
    target_type,
)
from jobrunner.services.massmail.lists.reading import Record, read_records
from jobrunner.services.massmail.lists.rows import (
    add_target_list,
    find_target_list,
    list_target_lists,
    remove_target_list,
)

MEMBERS = "SELECT target_type, target_id, opted_out FROM jobrunner.target_list_member ORDER BY target_type, position"
LEADS = "SELECT * FROM jobrunner.lead ORDER BY email"


@pytest.fixture
def transact(connection):
    async def run(work):
        async with connection.transaction():
            return await work(connection)

    return run


def records(text):
    return read_records(io.StringIO(text, newline=""))


async def members_of(connection, list_id):
    return [member async for member in list_members(connection, list_id)]


async def test_a_list_is_found_by_name_and_id(connection):
    added = await add_target_list(connection, "Spring", "All of them", by="ada")
    assert (added.entry_count, added.created_by) == (0, "ada")
    assert await find_target_list(connection, "Spring") == added == await find_target_list(connection, str(added.id))
    assert await list_target_lists(connection) == [added]
    with pytest.raises(NotFound, match=r"there is no target list 'Sprin'; did you mean Spring\?"):
        await find_target_list(connection, "Sprin")
    with pytest.raises(NotFound):
        await find_target_list(connection, "9" * 30)
    with pytest.raises(Conflict, match="there is a target list of that name already"):
        await add_target_list(connection, "Spring", by="ada")


@pytest.mark.parametrize("name", ["", "12", " a", "a\nb", "x" * 256])
async def test_a_name_that_is_none(connection, name):
    with pytest.raises(InvalidInput, match="a name has 1 to 255 letters"):
        await add_target_list(connection, name, by="ada")


async def test_members_come_and_go(connection, person, make_list):
    lead, user = await person("Lead", "l@x.org"), await person("User", "u@x.org")
    list_id = await make_list("L")
    added = await add_members(connection, list_id, "Lead", [lead, "none", lead, "nobody"])
    assert (added.added, added.unknown) == (1, ["none", "nobody"])
    await add_members(connection, list_id, "User", [user])
    assert (await add_members(connection, list_id, "User", [user])).added == 0
    assert [(m.target_type, m.email) for m in await members_of(connection, list_id)] == [
        ("Lead", "l@x.org"),
        ("User", "u@x.org"),
    ]
    found = await find_target_list(connection, "L")
    assert (found.entry_count, found.lead_count, found.user_count, found.contact_count) == (2, 1, 1, 0)
    assert await remove_members(connection, list_id, "User", [user, "x"]) == 1
    assert (await find_target_list(connection, "L")).entry_count == 1


async def test_portions_of_members_join_without_gap(connection, make_list, monkeypatch):
    monkeypatch.setattr("jobrunner.services.massmail.lists.members.PORTION", 3)
    list_id = await make_list("L")
    await connection.execute("INSERT INTO jobrunner.lead (id) SELECT i FROM generate_series(10, 16) AS i")
    await connection.execute("INSERT INTO jobrunner.account (id, name) SELECT i, '' FROM generate_series(10, 16) AS i")
    for kind in ("Lead", "Account"):
        await add_members(connection, list_id, kind, [str(i) for i in range(16, 9, -1)])
    expected = [(kind, str(i)) for kind in ("Account", "Lead") for i in range(16, 9, -1)]
    assert [(m.target_type, m.target_id) for m in await members_of(connection, list_id)] == expected
    assert [m.target_id async for m in list_members(connection, list_id, limit=5)] == ["16", "15", "14", "13", "12"]


async def test_opting_out_of_one_list(connection, person, make_list):
    lead = await person("Lead", "Ann@x.org")
    one, other = await make_list("One", ("Lead", lead)), await make_list("Other", ("Lead", lead))
    assert await opt_out_of_list(connection, one, "ann@X.org") == (1, True)
    assert await opt_out_of_list(connection, one, "ann@x.org") == (1, False)
    assert [m.opted_out for m in await members_of(connection, one)] == [True]
    assert [m.opted_out for m in await members_of(connection, other)] == [False]
    assert (await find_target_list(connection, "One")).opted_out_count == 1
    assert await opt_in_to_list(connection, one, "ann@x.org") == (1, True)
    assert [m.opted_out for m in await members_of(connection, one)] == [False]


@pytest.mark.parametrize("way", ["removed", "deleted", "before"])
async def test_an_opt_out_holds_when_its_member_comes_back(connection, person, make_list, way):
    lead = await person("Lead", "ann@x.org")
    list_id = await make_list("L") if way == "before" else await make_list("L", ("Lead", lead))
    await opt_out_of_list(connection, list_id, "ann@x.org")
    match way:
        case "removed":
            await remove_members(connection, list_id, "Lead", [lead])
        case "deleted":
            await connection.execute("DELETE FROM jobrunner.lead")
            lead = await person("Lead", "ann@x.org")
    await add_members(connection, list_id, "Lead", [lead])
    assert [m.opted_out for m in await members_of(connection, list_id)] == [True]
    assert (await opt_in_to_list(connection, list_id, "ann@x.org"))[1]
    assert [m.opted_out for m in await members_of(connection, list_id)] == [False]


async def test_a_list_goes_with_its_members_and_not_with_its_persons(connection, person, make_list):
    await make_list("L", ("Lead", await person("Lead", "ann@x.org")))
    assert (await remove_target_list(connection, "L")).entry_count == 1
    assert await connection.fetch(MEMBERS) == []
    assert len(await connection.fetch(LEADS)) == 1


@pytest.mark.parametrize(("text", "kind"), [("lead", "Lead"), ("Contacts", "Contact"), ("USER", "User")])
def test_types_in_any_spelling(text, kind):
    assert target_type(text) == kind


def test_a_type_that_is_none():
    with pytest.raises(InvalidInput, match=r"got 'led'; did you mean lead\?"):
        target_type("led")


FILE = """email,first name,last name,company,city
ann@x.org,Ann,A,Acme,Bath
nobody,N,O,,
BOB@x.org,Bob,B,,
Ann@X.org,Ann,Again,,
"""


async def test_an_import_makes_persons_and_members(connection, transact, make_list):
    list_id = await make_list("L")
    seen = []
    report = await import_members(transact, list_id, "Lead", records(FILE), progress=lambda r: seen.append(r.read))
    assert (report.read, report.persons_added, report.members_added, report.members_before) == (4, 2, 2, 1)
    assert [(bad.line, bad.reason[:8]) for bad in report.bad_lines] == [(3, "'nobody'")]
    ann, bob = sorted(await connection.fetch(LEADS), key=lambda row: row["name"])
    assert (ann["name"], ann["account_name"], json.loads(ann["fields"])) == ("Ann A", "Acme", {"city": "Bath"})
    assert (bob["name"], bob["email"], bob["fields"]) == ("Bob B", "BOB@x.org", "{}")
    assert [m.email for m in await members_of(connection, list_id)] == ["ann@x.org", "BOB@x.org"]


async def test_who_opted_out_elsewhere_is_opted_out_of_the_list(connection, transact, make_list):
    list_id = await make_list("L")
    lines = "email,Opted out\nann@x.org,Yes\nbob@x.org,no\ncid@x.org,1\ndan@x.org,\n"
    for _ in range(2):
        await import_members(transact, list_id, "Lead", records(lines))
        members = {m.email: m.opted_out for m in await members_of(connection, list_id)}
        assert members == {"ann@x.org": True, "bob@x.org": False, "cid@x.org": True, "dan@x.org": False}


async def test_an_import_may_be_repeated(connection, transact, make_list):
    list_id = await make_list("L")
    await import_members(transact, list_id, "Lead", records(FILE))
    await opt_out_of_list(connection, list_id, "ann@x.org")
    before = await connection.fetch(LEADS), await connection.fetch(MEMBERS)
    report = await import_members(transact, list_id, "Lead", records(FILE))
    assert (report.persons_added, report.members_added, report.members_before) == (0, 0, 3)
    assert (await connection.fetch(LEADS), await connection.fetch(MEMBERS)) == before


@pytest.mark.parametrize("kind", ["Account", "Contact", "Lead"])
async def test_whoever_has_the_address_is_taken_as_they_are(connection, transact, make_list, person, kind):
    other, member = await person(kind, "ann@x.org", "Other"), await person(kind, "ANN@x.org", "Member")
    list_id = await make_list("L", (kind, member))
    report = await import_members(transact, list_id, kind, records("email,name\nann@x.org,New"))
    assert (report.persons_added, report.members_added) == (0, 0)
    fresh = await make_list("Fresh")
    assert (await import_members(transact, fresh, kind, records("email,name\nann@x.org,New"))).members_added == 1
    assert {m.target_id for m in await members_of(connection, fresh)} <= {other, member}


@pytest.mark.parametrize(
    ("kind", "names"), [("Account", "Ann Maria Lee"), ("Contact", ("Ann Maria", "Lee")), ("Lead", ("Ann Maria", "Lee"))]
)
async def test_a_whole_name(connection, transact, make_list, kind, names):
    list_id = await make_list("L")
    await import_members(transact, list_id, kind, records("email,name,language\nann@x.org,Ann Maria Lee,de_AT\n"))
    (member,) = await members_of(connection, list_id)
    assert (member.name, member.language) == ("Ann Maria Lee", "de_AT")
    assert names in (member.name, (member.first_name, member.last_name))


async def test_users_are_never_added(connection, transact, make_list, person):
    await person("User", "una@x.org")
    list_id = await make_list("L")
    report = await import_members(transact, list_id, "User", records("email\nnone@x.org\nUNA@x.org\n"))
    assert (report.read, report.members_added, report.persons_added) == (2, 1, 0)
    assert [(bad.line, bad.reason) for bad in report.bad_lines] == [(2, "no user has this address")]


async def test_persons_of_an_application_are_never_added(connection, transact, make_list):
    await connection.execute(
        """
        CREATE TABLE public.people (number integer PRIMARY KEY, mail text);
        INSERT INTO public.people VALUES (7, 'ann@x.org');
        DROP TABLE jobrunner.lead CASCADE;
        CREATE VIEW jobrunner.lead AS
        SELECT p.number AS id, '' AS name, '' AS first_name, '' AS last_name, p.mail AS email, NULL AS language,
            NULL AS account_name, '{}'::jsonb AS fields, false AS deleted
        FROM public.people AS p;
        """
    )
    list_id = await make_list("L")
    report = await import_members(transact, list_id, "Lead", records("email\nann@x.org\nbob@x.org\n"))
    assert (report.members_added, [bad.line for bad in report.bad_lines]) == (1, [3])
    assert [m.target_id for m in await members_of(connection, list_id)] == ["7"]


async def test_a_line_that_the_database_refuses_costs_only_itself(connection, transact, make_list):
    await connection.execute("ALTER TABLE jobrunner.lead ADD CHECK (last_name <> 'Bad')")
    list_id = await make_list("L")
    lines = "".join(f"p{i}@x.org,{'Bad' if i in (13, 60) else 'Good'}\n" for i in range(100))
    report = await import_members(transact, list_id, "Lead", records("email,last name\n" + lines))
    assert (report.read, report.persons_added, report.bad) == (100, 98, 2)
    assert [bad.line for bad in report.bad_lines] == [15, 62]
    assert "the database refuses it" in report.bad_lines[0].reason


async def test_two_imports_at_once_add_nobody_twice(connection, transact, make_list, database_url):
    list_id = await make_list("L")
    other = await asyncpg.connect(database_url)
    try:
        async with connection.transaction():
            await import_members(transact, list_id, "Lead", records("email\nann@x.org\n"))

            async def second():
                async def run(work):
                    async with other.transaction():
                        await other.execute("SET LOCAL lock_timeout = '100ms'")
                        return await work(other)

                return await import_members(run, list_id, "Lead", records("email\nann@x.org\n"))

            with pytest.raises(asyncpg.LockNotAvailableError):
                await second()
        assert (await second()).persons_added == 0
    finally:
        await other.close()
    assert len(await connection.fetch(LEADS)) == 1


async def test_no_cell_of_an_export_is_a_formula(connection, transact, person, make_list):
    """H11: cells beginning with = + - @ are defused; what was exported can be imported again."""
    evil = '=HYPERLINK("http://evil.example","x")'
    lead = await person("Lead", "+ann@x.org", evil)
    contact = await person("Contact", "-b@x.org", "@SUM(1)", language="de")
    list_id = await make_list("L", ("Lead", lead), ("Contact", contact))
    await opt_out_of_list(connection, list_id, "-b@x.org")
    file = io.StringIO(newline="")
    assert await export_members(list_members(connection, list_id), file) == 2
    rows = list(csv.reader(io.StringIO(file.getvalue(), newline="")))
    assert rows[1] == ["Contact", contact, "'@SUM(1)", "", "'@SUM(1)", "'-b@x.org", "", "de", "yes"]
    assert not any(cell.startswith(("=", "+", "-", "@")) for row in rows for cell in row)
    assert rows[2][2] == "'" + evil

    again = await make_list("Again")
    report = await import_members(transact, again, "Lead", records(file.getvalue()))
    assert (report.bad, report.persons_added, report.members_added) == (0, 1, 2)
    assert {m.name for m in await members_of(connection, again)} == {evil, "@SUM(1)"}


@st.composite
def persons(draw):
    """A person of any type as an import can hold one, with fields."""
    text = st.text(st.characters(exclude_categories=("C", "Z"), include_characters=" "), max_size=20)
    word = (text | st.text("=+-@' a,;\"", max_size=4)).map(str.strip)
    name = st.text("abc =+@';,.-_Ä", min_size=1, max_size=8).map(str.strip) | st.sampled_from(TRAPS)
    return {
        "kind": draw(st.sampled_from(["Account", "Contact", "Lead"])),
        "first": draw(word) or None,
        "last": draw(word) or None,
        "company": draw(word) or None,
        "language": draw(st.sampled_from([None, "de", "en_GB"])),
        "out": draw(st.booleans()),
        "fields": draw(st.dictionaries(name, (word | st.just("two\r\nlines")).filter(bool), max_size=3)),
    }


TRAPS = ["name", "E-Mail", "opted out", "type", "fields.name", "fields.", "Company", "=cmd", "'=cmd", "a@b", "a;b;c;d"]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@hypothesis.given(st.lists(persons(), min_size=1, max_size=6))
async def test_an_export_is_imported_as_it_was(connection, transact, make_list, given):
    """The same persons with the same fields, however their values look to a spreadsheet."""
    outer = connection.transaction()
    await outer.start()
    try:
        for kind in ("Account", "Contact", "Lead"):
            await round_trip(connection, transact, make_list, kind, [one for one in given if one["kind"] == kind])
    finally:
        await outer.rollback()


async def round_trip(connection, transact, make_list, kind, persons):
    list_id = await make_list(f"{kind} before")
    records = [
        Record(
            number,
            f"p{number}@x.org",
            None,
            one["first"],
            one["last"],
            one["company"],
            one["language"],
            one["out"],
            one["fields"],
        )
        for number, one in enumerate(persons)
    ]
    assert (await import_members(transact, list_id, kind, records)).bad == 0
    before = await as_known(connection, list_id)
    file = io.StringIO(newline="")
    await export_members(list_members(connection, list_id), file, await list_fields(connection, list_id))
    await connection.execute(f"DELETE FROM jobrunner.{kind.lower()}")
    again = await make_list(f"{kind} after")
    report = await import_members(transact, again, kind, read_records(io.StringIO(file.getvalue(), newline="")))
    assert (report.bad_lines, report.persons_added) == ([], len(persons))
    assert await as_known(connection, again) == before


async def as_known(connection, list_id):
    members = await members_of(connection, list_id)
    return [(m.name, m.first_name, m.last_name, m.email, m.company, m.language, m.opted_out, m.fields) for m in members]


async def test_a_field_that_is_no_text_is_written_as_json(connection, transact, make_list):
    await connection.execute(
        """INSERT INTO jobrunner.lead (id, email, fields) VALUES ('a', 'a@x.org', '{"n": 5, "on": true, "no": null}')"""
    )
    list_id = await make_list("L", ("Lead", "a"))
    file = io.StringIO(newline="")
    await export_members(list_members(connection, list_id), file, await list_fields(connection, list_id))
    (row,) = csv.DictReader(io.StringIO(file.getvalue(), newline=""))
    assert (row["n"], row["on"], row["no"]) == ("5", "true", "")


@pytest.mark.parametrize("text", ["'=1", "''+1", "=1", "+1", "-1", "@a", "\t=1", "\r=1"])
def test_defused(text):
    assert defuse(text) == f"'{text}"


def test_harmless_cells_stay():
    assert defuse("Ann = Bob") == "Ann = Bob"


@pytest.mark.parametrize("kind", ["account", "contact", "lead", "app_user"])
async def test_an_address_is_found_by_index(connection, kind):
    """However many persons there are: the index must be usable for what jobrunner.targets() asks."""
    await connection.execute("SET enable_seqscan = off")
    statement = load("jobrunner.services.massmail.lists", "opt_out_of_list")
    plan = await connection.fetch(f"EXPLAIN {statement}", 1, "a@x.org")
    assert f"{kind}_by_address" in "\n".join(row[0] for row in plan)

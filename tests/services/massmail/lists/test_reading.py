"""CSV files of persons: every good line counts, every bad one is named."""

import io

import pytest

from jobrunner.errors import InvalidInput
from jobrunner.services.massmail.lists.lines import LONGEST_LINE, BadLine
from jobrunner.services.massmail.lists.reading import Record, open_csv, read_records


def read(text):
    return list(read_records(io.StringIO(text, newline="")))


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_what_spreadsheets_write(delimiter, end):
    lines = ["E-Mail|First Name|Last-Name|City", 'ann@example.com|Ann|"O""Hara"|Bath', "bob@example.com|||", ""]
    assert read(end.join(line.replace("|", delimiter) for line in lines)) == [
        Record(2, "ann@example.com", first_name="Ann", last_name='O"Hara', fields={"City": "Bath"}),
        Record(3, "bob@example.com"),
    ]


def test_one_column_is_enough():
    assert read("email\nann@example.com") == [Record(2, "ann@example.com")]


def test_quoted_cells_may_have_delimiters_and_line_breaks():
    (record, next_one) = read('email,note\nann@example.com,"a, b\nc"\nbob@example.com,x\n')
    assert record == Record(2, "ann@example.com", fields={"note": "a, b\nc"})
    assert next_one.line == 4


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"", None),
        (b";;", None),
        (b"nobody;A;B", "'nobody' is no address that mail can be sent to: it has no @"),
        (b";A;B", "it has no address"),
        (b"a@x.org;A", "it has 2 cells, and the first line names 3"),
        (b"a@x.org;A;B;C", "it has 4 cells, and the first line names 3"),
        (b'a@x.org;"A" B;C', "its quotes are wrong (';' expected after '\"')"),
        (b'a@x.org;"A;B', "it opens a quote that is not closed"),
        (b"a@x.org;\xff\xfe;B", "it is not UTF-8"),
        (b"a@x.org;A\0;B", "it has a NUL"),
        (b'a@x.org;"A\nA";B', "the first name has a line break or another control character: 'A\\nA'"),
        (b"a@x.org;" + b"x" * 256 + b";B", "the first name has 256 letters, and 255 are allowed"),
        (b"a@x.org;" + b"x" * 200_000 + b";B", f"it has more than {LONGEST_LINE} letters"),
        (b"a@b>\rRCPT TO:<x@y;A;B", "it has 1 cells, and the first line names 3"),
    ],
)
def test_a_bad_line_is_named_and_the_others_count(tmp_path, line, reason):
    """H04 for the addresses."""
    path = tmp_path / "persons.csv"
    path.write_bytes(b"email;first name;last name\nann@x.org;Ann;A\n" + line + b"\nbob@x.org;Bob;B\nkim@x.org;Kim;K")
    with open_csv(str(path)) as file:
        result = list(read_records(file))
    bad = [item for item in result if isinstance(item, BadLine)]
    assert [(item.line, item.reason) for item in bad[:1]] == ([] if reason is None else [(3, reason)])
    names = [item.first_name for item in result if isinstance(item, Record)]
    assert names == ["Ann", "Bob", "Kim"]


@pytest.mark.parametrize(
    ("word", "opted_out"),
    [("yes", True), ("TRUE", True), ("t", True), ("1", True), ("no", False), ("f", False), ("0", False), ("", False)],
)
def test_who_opted_out_is_read_as_databases_and_people_write_it(word, opted_out):
    assert read(f"email,opted out\nann@x.org,{word}") == [Record(2, "ann@x.org", opted_out=opted_out)]


def test_a_word_that_may_mean_an_opt_out_is_not_taken_for_none():
    bad = BadLine(2, "opted out must be yes or no (or true, false, 1, 0), got 'Ja'")
    assert read("email,opted out\nann@x.org,Ja\nbob@x.org,no") == [bad, Record(3, "bob@x.org")]


def test_a_quote_that_is_never_closed_costs_one_line():
    lines = ["email,note", 'ann@x.org,"oops', *(f"p{i}@x.org,x" for i in range(500))]
    first, *rest = read("\n".join(lines))
    assert first == BadLine(2, "it opens a quote that is not closed")
    assert [record.line for record in rest] == list(range(3, 503))


def test_a_mark_at_the_beginning_is_no_part_of_the_name(tmp_path):
    path = tmp_path / "persons.csv"
    path.write_bytes("\ufeffemail,name\nzoë@bücher.example,Zoë\n".encode())
    with open_csv(str(path)) as file:
        assert list(read_records(file)) == [Record(2, "zoë@bücher.example", name="Zoë")]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "the file is empty"),
        (b"\n\n", "the file is empty"),
        (b"ann@x.org,Ann\n", "the first line must name the columns, and it holds an address"),
        (b"name,city\n", "no column is called email: the first line names name, city"),
        (b"email,e-mail\n", "two columns are called 'email'"),
        (b"email,city,city\n", "two columns are called 'city'"),
        (b'"email\n', "the first line has a quote that is not closed"),
        (b"email,\xff\n", "is no name of a column"),
        ("email\n".encode("utf-16"), "is UTF-16: save it as CSV in UTF-8"),
        (b"PK\x03\x04rest", "is a spreadsheet or an archive"),
    ],
)
def test_a_file_that_is_none_is_refused(tmp_path, content, sentence):
    path = tmp_path / "persons.csv"
    path.write_bytes(content)
    with pytest.raises(InvalidInput) as refusal, open_csv(str(path)) as file:
        list(read_records(file))
    assert sentence in str(refusal.value)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(InvalidInput, match="cannot be read: no such file"):
        open_csv(str(tmp_path / "none.csv"))


def test_a_file_that_opens_and_cannot_be_read():
    with pytest.raises(InvalidInput, match="/proc/self/mem cannot be read: input/output error"):
        open_csv("/proc/self/mem")


def test_what_an_export_defused_is_as_it_was():
    (record,) = read("email,name\n'+ann@x.org,'=1+1\n")
    assert (record.email, record.name) == ("+ann@x.org", "=1+1")


def test_a_long_file_is_read_as_it_comes():
    class Endless(io.TextIOBase):
        served = 0

        def readline(self, size=-1):
            self.served += 1
            return "email\n" if self.served == 1 else f"p{self.served}@x.org\n"

    file = Endless()
    records = read_records(file)
    assert [next(records).email for _ in range(3)] == ["p2@x.org", "p3@x.org", "p4@x.org"]
    assert file.served == 4

"""What is too much for the parser is kept as a file, with the reason; the header is read all the same (H07)."""

import time

import pytest

from jobrunner.services.mail.importing.parsing import Limits, ParsedMail, parse
from tests.services.mail.importing.letters import HEAD, letter, multipart, part


def nested(levels: int) -> bytes:
    inner = part(b"deep inside")
    for level in range(levels):
        inner = multipart(inner, boundary=f"b{level}")
    return HEAD.encode() + inner


def is_kept_as_file(mail: ParsedMail, source: bytes, reason: str) -> None:
    assert mail.trouble is not None
    assert reason in mail.trouble
    (file,) = mail.attachments
    assert (file.name, file.content_type, file.content) == ("message.eml", "message/rfc822", source)
    assert mail.size == len(source)


def test_fifty_levels_are_read():
    mail = parse(nested(49))
    assert mail.trouble is None
    assert mail.text == "deep inside"


@pytest.mark.parametrize("levels", [52, 1_000])
def test_more_are_not(levels: int):
    """H07."""
    source = nested(levels)
    mail = parse(source)
    is_kept_as_file(mail, source, "nested more than 50 levels")
    assert (mail.subject, mail.message_id, str(mail.sender[0])) == ("Hello", "<1@example.com>", "Ann <ann@example.com>")


@pytest.mark.parametrize(("count", "too_much"), [(900, False), (1_001, True), (100_000, True)])
def test_many_parts(count: int, too_much: bool):
    """H07."""
    source = HEAD.encode() + multipart(*[part(b"x", "image/png")] * count)
    started = time.process_time()
    mail = parse(source)
    assert time.process_time() - started < 2
    if too_much:
        is_kept_as_file(mail, source, "more than 1,000 parts")
    else:
        assert len(mail.attachments) == count


def test_a_header_of_ten_megabytes():
    """H07."""
    source = letter(X_Long="y" * 10 * 2**20)
    is_kept_as_file(parse(source), source, "header has more than")
    source = b"".join(b"X-%d: z\r\n" % number for number in range(1_200_000)) + b"\r\nbody"
    is_kept_as_file(parse(source), source, "header has more than")


def test_a_header_without_end_and_without_colon():
    source = b"x" * 3 * 2**20
    is_kept_as_file(parse(source), source, "header has more than")


def test_many_fields():
    source = b"".join(b"X: y\r\n" for _ in range(6_000)) + b"\r\n"
    is_kept_as_file(parse(source), source, "more than 5,000 fields")


def test_headers_of_parts_count_together():
    source = HEAD.encode() + multipart(*[part(b"x", "image/png", X_Long="y" * 2_000)] * 600)
    is_kept_as_file(parse(source), source, "header has more than")


def test_many_addresses():
    """H07: and the first ones are still known, the sender too."""
    source = letter(to=", ".join(f"a{number}@example.org" for number in range(5_000)))
    mail = parse(source)
    is_kept_as_file(mail, source, "more than 2,000 addresses")
    assert mail.sender[0].key == "ann@example.com"


def test_fields_of_addresses_count_together():
    many = ", ".join(f"a{number}@example.org" for number in range(1_200))
    source = letter(to=many, Cc=many)
    is_kept_as_file(parse(source), source, "more than 2,000 addresses")


@pytest.mark.parametrize(
    "to",
    [
        '"' * 20_000,
        "(" * 5_000,
        "<" * 5_000,
        "[" * 5_000,
        "\\" * 5_000,
        '"\\' * 20_000,
        ":" * 5_000,
        "=?utf-8?q?" * 5_000,
    ],
)
def test_addresses_that_take_other_parsers_long(to: str):
    """H07."""
    started = time.process_time()
    mail = parse(letter(to=to))
    assert time.process_time() - started < 0.5
    assert mail.trouble is None
    assert mail.subject == "Hello"


def test_a_limit_can_be_set():
    source = HEAD.encode() + multipart(part(), part(), part())
    is_kept_as_file(parse(source, limits=Limits(parts=2)), source, "more than 2 parts")


@pytest.mark.parametrize("piece", ["<!--", "<script>", "<", "<a ", "&", "</", "<a b='"])
def test_html_that_takes_other_readers_long(piece: str):
    """H07."""
    html = piece * (1_000_000 // len(piece))
    started = time.process_time()
    parse(part(html.encode(), "text/html"))
    assert time.process_time() - started < 3


def test_many_texts_are_cut_together():
    """H07: each of them is short enough, all of them are not; those without room are files."""
    texts = [b"%d" % number * 400_000 for number in range(5)]
    mail = parse(HEAD.encode() + multipart(*map(part, texts), part(b"<p>&</p>" * 100_000, "text/html")))
    assert mail.trouble is None
    assert len(mail.text) <= 2**20
    assert len(mail.html or "") <= 2**20
    assert [file.content for file in mail.attachments] == texts[2:]


def test_a_long_text_is_cut_and_kept_whole_as_a_file():
    text = b"0123456789abcdef" * 200_000
    mail = parse(letter(text))
    assert mail.trouble is None
    assert len(mail.text) == 2**20
    (file,) = mail.attachments
    assert file.content == text
    assert file.name == "unnamed.txt"

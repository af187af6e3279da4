"""Header fields: read back by the email package, and looked at as bytes."""

from collections.abc import Callable
from email.message import EmailMessage

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jobrunner.errors import InvalidInput
from jobrunner.services.mail.address import Mailbox, parse_address
from jobrunner.services.mail.composing.header import CONTROL, write_mailbox, write_text, write_token

Parse = Callable[[bytes], EmailMessage]
END = b"\r\n"

TEXTS = [
    "Hello",
    "",
    "A subject of several words that is too long for one line of a mail, so that it must be folded somewhere",
    "two  blanks and   three",
    "Grüße aus Köln",
    "日本語の件名はとても長いので、いくつかの部分に分けられなければなりませんが、文字は切れません",
    "smile 😀 and 👩‍👩‍👧‍👦 families " * 4,
    "=?utf-8?q?not_encoded?=",
    "x" * 300,
    "ß" * 300,
    "a" * 60 + " " + "b" * 70 + " " + "c" * 76,
    'quotes " and \\ and (comments) and <brackets>, commas; semicolons: colons',
    "1% = 100_000 ? no",
]


def check_lines(field: bytes, longest: int = 78) -> None:
    assert field.endswith(END)
    for line in field.removesuffix(END).split(END):
        assert b"\r" not in line
        assert b"\n" not in line
        assert line.strip()
        assert len(line) <= longest


@pytest.mark.parametrize("text", TEXTS)
def test_a_subject_comes_back_as_it_was(text: str, parse: Parse):
    field = write_text("Subject", text)

    assert parse(field + END)["Subject"] == text
    assert field.isascii()
    check_lines(field)


NAMES = [
    "Ann Example",
    "Dr. Ann B. Example, PhD",
    'Ann "the best" \\ Example',
    "Example; Ann: <ann@example.org>, (her)",
    "Zoë Müller",
    "名前 " * 40,
    "Ann " * 40 + "Example",
    "=?utf-8?q?x?=",
    "<script>alert(1)</script>",
]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("address", ["ann@example.com", f"{'l' * 64}@{'long-domain.' * 9}example.com"])
def test_a_name_comes_back_with_its_address_whole(name: str, address: str, parse: Parse):
    field = write_mailbox("From", Mailbox(parse_address(address), name))

    (found,) = parse(field + END)["From"].addresses
    assert found.addr_spec == address
    # Python before 3.13 keeps the blanks between encoded-words here, which a reader is to ignore.
    assert found.display_name.replace(" ", "") == name.replace(" ", "")
    assert address.encode() in field
    assert field.isascii()
    check_lines(field, 250)


def test_an_address_in_another_alphabet_is_never_an_encoded_word(parse: Parse):
    field = write_mailbox("To", Mailbox(parse_address("用户@例え.テスト"), "用户"))

    assert "<用户@xn--r8jz45g.xn--zckzah>".encode() in field


def test_a_long_token_stays_on_one_line(parse: Parse):
    url = f"<https://example.com/unsubscribe/{'t' * 200}>"

    assert write_token("List-Unsubscribe", url) == f"List-Unsubscribe: {url}\r\n".encode()


@pytest.mark.parametrize("bad", ["a\r\nBcc: x@y", "a\nb", "a\rb", "a\0b", "a\x1bb", "a\x85b", "a\u2028b", "a\ud800b"])
def test_controls_are_refused(bad: str):
    """H04."""
    for write in (write_text, write_token):
        with pytest.raises(InvalidInput, match="may not hold control characters"):
            write("Subject", bad)
    with pytest.raises(InvalidInput, match="may not hold control characters"):
        write_mailbox("From", Mailbox(parse_address("a@b.example"), bad))


@pytest.mark.parametrize("name", ["", "Sub ject", "Subject:", "Sübject", "X\r\nY"])
def test_names_of_fields_are_checked(name: str):
    with pytest.raises(InvalidInput, match="no name of a header field"):
        write_text(name, "x")


def test_a_line_over_the_limit_is_refused():
    with pytest.raises(InvalidInput, match="998 are allowed"):
        write_token("X-Long", "x" * 1000)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.text())
def test_any_text_comes_back_or_is_refused(parse: Parse, text: str):
    """H04."""
    if CONTROL.search(text):
        with pytest.raises(InvalidInput):
            write_text("Subject", text)
        return
    field = write_text("Subject", text)
    check_lines(field)
    assert parse(field + END)["Subject"] == (text.lstrip(" ") if text.isascii() else text)

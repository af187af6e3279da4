"""Addresses, checked before anything is sent."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobrunner.errors import InvalidInput
from jobrunner.services.mail.address import parse_address


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ann@example.com", "ann@example.com"),
        ("Ann.B+tag@EXAMPLE.com", "Ann.B+tag@example.com"),
        ("o'neil@example.com", "o'neil@example.com"),
        ("root@localhost", "root@localhost"),
        ("a@xn--bcher-kva.example", "a@xn--bcher-kva.example"),
        ("a@bücher.example", "a@xn--bcher-kva.example"),
        ("a@BÜCHER.example", "a@xn--bcher-kva.example"),
        ("a@faß.de", "a@xn--fa-hia.de"),
        ("a@例え.テスト", "a@xn--r8jz45g.xn--zckzah"),
        ("a@ｅｘａｍｐｌｅ.com", "a@example.com"),
        ("用户@example.com", "用户@example.com"),
        (f"{'l' * 64}@example.com", f"{'l' * 64}@example.com"),
    ],
)
def test_an_address_is_written_as_servers_want_it(text: str, expected: str):
    assert str(parse_address(text)) == expected


def test_only_a_local_part_in_another_alphabet_needs_smtputf8():
    assert parse_address("用户@example.com").needs_smtputf8
    assert not parse_address("a@bücher.example").needs_smtputf8


@pytest.mark.parametrize(
    "text",
    [
        "",
        "ann",
        "@example.com",
        "ann@",
        "a@b@example.com",
        "a b@example.com",
        "ann@exa mple.com",
        "ann@example.com ",
        "ann@example..com",
        "ann@.example.com",
        "ann@example.com.",
        "ann@-example.com",
        "ann@example-.com",
        ".ann@example.com",
        "ann.@example.com",
        "a..b@example.com",
        '"a b"@example.com',
        "<ann@example.com>",
        "Ann <ann@example.com>",
        "ann@example.com,bob@example.com",
        "ann@[127.0.0.1]",
        "ann@example.com>",
        "a@b>\r\nRCPT TO:<x@y",
        "ann@example.com\r\n",
        "ann\n@example.com",
        "ann\0@example.com",
        "ann\x7f@example.com",
        "ann\u202e@example.com",
        "ann\u00a0@example.com",
        "ann\ud800@example.com",
        "ann@exam\u200bple.com",
        "ann@例。テスト",
        f"{'l' * 65}@example.com",
        f"ann@{'d' * 64}.com",
        f"ann@{'d.' * 130}com",
    ],
)
def test_what_is_no_address_is_refused_with_a_sentence(text: str):
    """H04."""
    with pytest.raises(InvalidInput, match="is no address that mail can be sent to: "):
        parse_address(text)


SIDE = st.one_of(st.text(), st.from_regex(r"[a-zß.é-]{1,12}[\r\n\0>@ ]?", fullmatch=True))


@given(st.one_of(st.text(), st.builds("{}@{}".format, SIDE, SIDE)))
def test_whatever_is_given_nothing_dangerous_is_let_through(text: str):
    """H04."""
    try:
        address = parse_address(text)
    except InvalidInput:
        return
    written = str(address)
    assert written.count("@") == 1
    assert address.domain.isascii()
    assert not set(written) & set('\r\n\0<>," ():;\\[]')
    assert len(written.encode()) <= 254
    assert parse_address(written) == address

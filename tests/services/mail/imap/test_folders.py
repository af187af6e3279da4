"""Names of folders."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobrunner.services.mail.imap.folders import decode_name, encode_name, parse_folder, wire_name
from jobrunner.services.mail.imap.mailbox import Folder


@pytest.mark.parametrize(
    ("name", "raw"),
    [
        ("~peter/mail/台北/日本語", "~peter/mail/&U,BTFw-/&ZeVnLIqe-"),  # RFC 3501, 5.1.3
        ("Tom & Jerry", "Tom &- Jerry"),
        ("&", "&-"),
        ("Entwürfe", "Entw&APw-rfe"),
        ("a\U0001f600b", "a&2D3eAA-b"),
        ("INBOX/Customers", "INBOX/Customers"),
    ],
)
def test_modified_utf_7(name: str, raw: str):
    assert encode_name(name) == raw
    assert decode_name(raw) == name


@given(st.text())
def test_there_and_back(name: str):
    raw = encode_name(name)
    assert decode_name(raw) == name
    assert raw.isascii()
    assert raw.isprintable()


@pytest.mark.parametrize("raw", ["&", "a&b", "&!-", "&AA-", "&2D0-", "ü", "a\r\nb", "&AGE-&", "&A-"])
def test_what_is_no_modified_utf_7(raw: str):
    """H23."""
    with pytest.raises(ValueError):
        decode_name(raw)


def test_a_line_end_in_a_name_ends_no_command():
    """H23: it goes over the wire encoded; the library refuses it with an exception."""
    assert wire_name('a\r\nX LOGOUT "') == '"a&AA0ACg-X LOGOUT \\""'


def listed(line: bytes, *more: bytes) -> Folder | None:
    return parse_folder([line, *more])


def test_an_atom_a_quoted_string_and_a_literal():
    expected = Folder("a", "/", frozenset({"\\noinferiors"}), True)
    assert listed(b'LIST (\\NoInferiors) "/" a') == expected
    assert listed(b'LIST (\\NoInferiors) "/" "a"') == expected
    assert listed(b'LIST (\\NoInferiors) "/" {1}', b"a", b"") == expected


def test_names_that_the_library_would_change():
    """It takes `* ` away wherever it stands in a line; blanks need quotes, which it leaves to its callers."""
    folder = listed(b'LIST () "." "Best * of \\"all\\" \\\\"')
    assert folder == Folder('Best * of "all" \\', ".", frozenset(), True)
    assert wire_name(folder.name) == '"Best * of \\"all\\" \\\\"'


def test_inbox_in_any_case_and_no_delimiter():
    assert listed(b"LIST () NIL inbox") == Folder("INBOX", None, frozenset(), True)


def test_what_cannot_be_opened():
    folder = listed(b'LIST (\\Noselect) "/" "Lists"')
    assert folder is not None
    assert not folder.selectable


@pytest.mark.parametrize("raw", [b"&!-", "Entwürfe".encode(), b"a\r\nb", b"&AGE-", b"&AA0ACg-"])
def test_bad_names_are_shown_and_not_offered(raw: bytes):
    """H23: bad UTF-7, octets beyond ASCII, line ends, what another name stands for too; shown in one line."""
    folder = listed(b'LIST () "/" {%d}' % len(raw), raw, b"")
    assert folder is not None
    assert not folder.selectable
    assert folder.name.isprintable()


def test_dots_lead_nowhere():
    """H23: a folder's name is never a path of ours; it is opened as it is called."""
    folder = listed(b'LIST () "/" "../../etc/passwd"')
    assert folder is not None
    assert folder.selectable
    assert folder.name == "../../etc/passwd"


@pytest.mark.parametrize("line", [b"LIST", b"LIST () NIL", b"LIST x NIL a", b'LIST () "/" (a)', b'LIST () "/" ""'])
def test_what_is_no_folder(line: bytes):
    assert listed(line) is None


def test_a_name_of_endless_length():
    """H23."""
    assert listed(b'LIST () "/" ' + b"a" * 1001) is None

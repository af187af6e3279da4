"""What a receiver makes of a message: with the standard library's parser and dkimpy, neither of which wrote it."""

import re
from collections.abc import Callable, Iterator
from email import message_from_bytes, policy
from email.header import decode_header, make_header
from email.message import EmailMessage
from html.parser import HTMLParser
from typing import Any

import dkim  # type: ignore[import-untyped]

LINK = re.compile(r"https?://[^\s<>\"]+")


def parse(raw: bytes) -> EmailMessage:
    """Parse as strictly as the library can; neither message, parts nor fields have a defect."""
    mail: Any = message_from_bytes(raw, policy=policy.strict)
    assert isinstance(mail, EmailMessage)
    for part in mail.walk():
        assert part.defects == []
        for name, value in part.items():
            assert value.defects == (), (name, value.defects)
        if not part.is_multipart():
            part.get_content()
            assert part.defects == []
    return mail


def unfolded(raw: bytes) -> list[tuple[str, bytes]]:
    """The fields of the header in their order, each on one line, otherwise as they came."""
    header = raw.partition(b"\r\n\r\n")[0]
    fields = []
    for line in re.split(rb"\r\n(?![ \t])", header):
        name, _, value = line.partition(b":")
        fields.append((name.decode("ascii").lower(), value.replace(b"\r\n", b"").strip()))
    return fields


def field(raw: bytes, name: str) -> bytes:
    """The one field of that name."""
    (value,) = [value for known, value in unfolded(raw) if known == name.lower()]
    return value


def display_name(raw: bytes) -> str:
    """The recipient's name, by the library's older reader: the other one puts blanks between encoded words."""
    name = str(make_header(decode_header(field(raw, "To").decode("ascii")))).rpartition("<")[0].strip()
    return re.sub(r"\\(.)", r"\1", name[1:-1]) if name.startswith('"') else name


def check_lines(raw: bytes) -> None:
    """CRLF only, nothing but ASCII, short lines, no NUL (RFC 5322, 2.1.1)."""
    assert raw.endswith(b"\r\n")
    lines = raw.split(b"\r\n")
    assert not any(b"\r" in line or b"\n" in line or b"\0" in line for line in lines)
    assert raw.isascii()
    assert max(map(len, lines)) <= 998
    body = raw.partition(b"\r\n\r\n")[2].split(b"\r\n")
    assert max(map(len, body)) <= 76


def check_signatures(raw: bytes, look_up: Callable[..., bytes], *, how_many: int) -> None:
    """As many signatures as that, each of which dkimpy verifies, and each over both fields of RFC 8058."""
    signatures = [value for name, value in unfolded(raw) if name == "dkim-signature"]
    assert len(signatures) == how_many
    for index, signature in enumerate(signatures):
        assert dkim.DKIM(raw).verify(index, dnsfunc=look_up) is True
        (signed,) = re.findall(rb"\bh=([^;]*)", signature)
        names = [name.strip().lower() for name in signed.decode().split(":")]
        assert {"from", "to", "subject", "date", "message-id", "list-unsubscribe", "list-unsubscribe-post"} <= {*names}
        assert names.count("from") == 2  # one that is added would break it


def one_click(raw: bytes) -> str:
    """The URL of RFC 8058, as a provider takes it from the octets."""
    assert field(raw, "List-Unsubscribe-Post") == b"List-Unsubscribe=One-Click"
    value = field(raw, "List-Unsubscribe")
    assert b"=?" not in value
    assert b" " not in value
    found = re.fullmatch(rb"<(https?://[^<>,]+)>", value)
    assert found is not None
    return found[1].decode()


def text_of(mail: EmailMessage, kind: str = "plain") -> str:
    part = mail.get_body((kind,))
    assert part is not None
    text: str = part.get_content().replace("\r\n", "\n")
    return text


class _Addresses(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[tuple[str, str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [(tag, value) for name, value in attrs if name in ("href", "src") and value]


def addresses(html: str) -> list[tuple[str, str]]:
    """Tag and address of whatever the HTML links or loads, in its order."""
    reader = _Addresses()
    reader.feed(html)
    return reader.found


def every_link(raw: bytes) -> Iterator[str]:
    """All that a scanner finds: in the header, in the text, in the HTML; each once."""
    mail = parse(raw)
    found = [one_click(raw), *LINK.findall(text_of(mail)), *(link for _, link in addresses(text_of(mail, "html")))]
    yield from dict.fromkeys(link for link in found if link.startswith("http"))

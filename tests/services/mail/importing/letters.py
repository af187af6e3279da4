"""Messages for tests: as they come, in octets."""

from email.message import EmailMessage


def letter(
    body: bytes = b"Hello\r\n",
    *,
    subject: str = "Hello",
    sender: str = "Ann <ann@example.com>",
    to: str = "bob@example.org",
    message_id: str | None = "<1@example.com>",
    date: str = "Mon, 02 Mar 2026 10:00:00 +0100",
    **more: str,
) -> bytes:
    """A message of text; `more` are further fields, `_` in their names meaning `-`."""
    fields = {"From": sender, "To": to, "Subject": subject, "Date": date}
    if message_id is not None:
        fields["Message-ID"] = message_id
    fields |= {name.replace("_", "-"): value for name, value in more.items()}
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return head.encode("utf-8", "surrogateescape") + b"\r\n" + body


def raw(*lines: str | bytes) -> bytes:
    """Lines with CRLF."""
    return b"".join((line.encode() if isinstance(line, str) else line) + b"\r\n" for line in lines)


def multipart(*parts: bytes, kind: str = "mixed", boundary: str = "=_b", head: str = "") -> bytes:
    """A message, or a part, of several; `head` are fields, each with its line end."""
    opening = f'{head}MIME-Version: 1.0\r\nContent-Type: multipart/{kind}; boundary="{boundary}"\r\n\r\n'.encode()
    delimiter = f"--{boundary}".encode()
    return opening + b"".join(delimiter + b"\r\n" + part + b"\r\n" for part in parts) + delimiter + b"--\r\n"


def part(content: bytes = b"x", kind: str = "text/plain", **fields: str) -> bytes:
    """A part with a header."""
    named = {"Content-Type": kind, **{name.replace("_", "-"): value for name, value in fields.items()}}
    return "".join(f"{name}: {value}\r\n" for name, value in named.items()).encode() + b"\r\n" + content


HEAD = "From: Ann <ann@example.com>\r\nTo: bob@example.org\r\nSubject: Hello\r\nMessage-ID: <1@example.com>\r\n"


def rich(size: int = 3000) -> bytes:
    """A mail as programs write it: text, HTML, a file."""
    message = EmailMessage()
    message["From"], message["To"] = "Jöhn Doe <john@example.com>", "bob@example.org"
    message["Subject"], message["Message-ID"] = "Grüße", "<rich@example.com>"
    message["Date"] = "Mon, 02 Mar 2026 10:00:00 +0100"
    message.set_content("Grüße aus Köln\n")
    message.add_alternative("<p>Grüße aus <b>Köln</b></p>", subtype="html")
    message.add_attachment(bytes(range(256)) * (size // 256), maintype="application", subtype="pdf", filename="a.pdf")
    return message.as_bytes()

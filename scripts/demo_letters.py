"""The letters that the demo puts into mailboxes, as the mail server that got them would have left them."""

from email.message import EmailMessage
from email.utils import format_datetime, formataddr, localtime, make_msgid

TABLE = "card,operation,on\r\n1,multiply,V2 V4\r\n2,subtract,V4 1\r\n3,add,V5 1\r\n"


def letter(
    sender: tuple[str, str], to: str, subject: str, text: str, *, answers: EmailMessage | None = None
) -> EmailMessage:
    """A new letter, with an id that no other has."""
    message = EmailMessage()
    name, address = sender
    message["Return-Path"] = f"<{address}>"
    message["Delivered-To"] = to
    message["From"] = formataddr((name, address))
    message["To"] = to
    message["Subject"] = subject
    message["Date"] = format_datetime(localtime())
    message["Message-ID"] = make_msgid(domain=address.rpartition("@")[2])
    if answers is not None:
        message["In-Reply-To"] = message["References"] = str(answers["Message-ID"])
    message.set_content(text)
    return message


def drawings(to: str) -> EmailMessage:
    """With a file."""
    message = letter(
        ("Charles Babbage", "charles@example.org"),
        to,
        "The engine: a table of operations",
        "My dear Ada,\n\nenclosed is the table of operations for the numbers of Bernoulli.\n\nYours, Charles\n",
    )
    message.add_attachment(TABLE.encode(), maintype="text", subtype="csv", filename="operations.csv")
    return message


def second_thought(first: EmailMessage) -> EmailMessage:
    """An answer to the first, of the same hand."""
    return letter(
        ("Charles Babbage", "charles@example.org"),
        str(first["To"]),
        f"Re: {first['Subject']}",
        "My dear Ada,\n\non second thoughts, card 2 must stand before card 1.\n\nCharles\n",
        answers=first,
    )


def question(to: str) -> EmailMessage:
    """Of a customer, to a group."""
    return letter(
        ("Emmy Noether", "emmy@example.net"),
        to,
        "My seeds do not come up",
        "Hello,\n\nI have sown the ivy three weeks ago, and there is nothing. What now?\n\nEmmy Noether\n",
    )

"""By what the item is found that a report speaks of (mail-in.md, 7; RFC 3464)."""

import re
from collections.abc import Callable
from uuid import UUID, uuid4

import pytest

from jobrunner.services.massmail.tokens import TokenKind
from tests.services.mail.importing.letters import letter
from tests.services.massmail.reports.conftest import Returns
from tests.services.massmail.reports.shapes import SHAPES, Sent, complaint, postfix

Shape = Callable[[Sent], bytes]
ADDRESS = "a0@d0.example.net"


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
async def test_by_the_address_that_it_came_to(returns: Returns, shape: Shape):
    """VERP: whatever else the report says or leaves out."""
    await returns.stage.set(mass_email_verp=True)
    (sent,) = await returns.send()
    assert re.fullmatch(r"bounces\+[a-z2-7]{55}@example.com", sent.envelope_sender)
    assert await returns.come(shape(sent)) == "Claimed"
    assert await returns.reports() == [("Bounce", "hard", "the address that it came to")]
    assert await returns.count("email") == 0


@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES)
async def test_by_the_returned_header(returns: Returns, shape: Shape):
    (sent,) = await returns.send()
    assert await returns.come(shape(sent)) == "Claimed"
    assert await returns.reports() == [("Bounce", "hard", "the returned header")]


async def test_by_the_name_of_the_envelope(returns: Returns):
    """RFC 3461: of a server that returns nothing of the mail."""
    (sent,) = await returns.send()
    envid = f"Original-Envelope-Id: {sent.field('Message-ID')[1:33]}"
    source = postfix(sent, envid=envid).replace(sent.header, b"Subject: x\r\n")
    assert await returns.come(source) == "Claimed"
    assert await returns.reports() == [("Bounce", "hard", "the name of the envelope")]


async def test_by_what_it_answers(returns: Returns):
    """A report in text with nothing returned, but for the id of the mail among its references."""
    (sent,) = await returns.send()
    text = f"Your message could not be delivered:\r\n{sent.recipient}: 550 5.1.1 user unknown\r\n".encode()
    source = letter(text, sender="postmaster@example.net", References=sent.field("Message-ID"))
    assert await returns.come(source) == "Claimed"
    assert await returns.reports() == [("Bounce", "hard", "what it answers")]


async def test_a_number_alone_counts_with_the_address(returns: Returns):
    """Numbers can be guessed: who forges a report must know whom the item went to."""
    (sent,) = await returns.send()
    only_number = f"X-Queue-Item-Id: {sent.field('X-Queue-Item-Id')}\r\n".encode()
    forged = postfix(Sent(sent.envelope_sender, "eve@example.net", only_number))
    assert await returns.come(forged) == "Imported"
    assert await returns.come(postfix(Sent(sent.envelope_sender, ADDRESS, only_number))) == "Claimed"


FORGED: list[Callable[[Sent], bytes]] = [
    lambda sent: postfix(sent).replace(sent.field("Message-ID")[1:33].encode(), uuid4().hex.encode()),
    lambda sent: postfix(sent).replace(b"X-Queue-Item-Id: 1", b"X-Queue-Item-Id: 2"),
    lambda sent: postfix(Sent("bounces+" + "a" * 55 + "@example.com", sent.recipient, b"Subject: x\r\n\r\n")),
    lambda sent: letter(
        b"X-Queue-Item-Id: 1\r\n" + sent.field("Message-ID").encode(), sender="MAILER-DAEMON@example.net",
        subject="Undeliverable: News",
    ),
    lambda sent: letter(b"550 5.1.1 user unknown", In_Reply_To=sent.field("Message-ID")),  # a person answers
]  # fmt: skip


@pytest.mark.parametrize(
    "forge", FORGED, ids=["another id", "another number", "no signature", "in the text", "a person"]
)
async def test_what_is_not_signed_or_does_not_fit_is_a_mail_like_any_other(returns: Returns, forge: Shape):
    (sent,) = await returns.send()
    assert await returns.come(forge(sent)) == "Imported"
    assert await returns.reports() == []


async def test_a_token_of_another_kind_is_none(returns: Returns):
    """Who got the link to unsubscribe cannot make a bounce of it, nor the other way round."""
    (sent,) = await returns.send()
    token = UUID(hex=sent.field("Message-ID")[1:33])
    link = returns.tokens.sign(TokenKind.UNSUBSCRIBE, token)
    source = postfix(Sent(f"bounces+{link}@example.com", sent.recipient, b"Subject: x\r\n\r\n"))
    assert await returns.come(source) == "Imported"
    bounce = returns.tokens.sign(TokenKind.BOUNCE, token)
    assert await returns.come(letter(subject=f"unsubscribe {bounce}")) == "Imported"


async def test_never_another_address_than_the_items_own(returns: Returns):
    """The mail was forwarded, and came back from there: it is the item that did."""
    (sent,) = await returns.send()
    source = postfix(Sent(sent.envelope_sender, "forwarded@example.org", sent.data))
    assert await returns.come(source) == "Claimed"
    await returns.settle()
    assert await returns.is_invalid(ADDRESS)
    assert not await returns.is_invalid("forwarded@example.org")


async def test_of_several_recipients_that_of_the_item_counts(returns: Returns):
    (sent,) = await returns.send()
    other = b"Final-Recipient: rfc822; other@example.org\r\nAction: failed\r\nStatus: 5.1.1\r\n\r\n"
    source = postfix(sent, "4.2.2", "452 4.2.2 full").replace(b"Final-Recipient", other + b"Final-Recipient", 1)
    assert await returns.come(source) == "Claimed"
    assert [verdict for _, verdict, _ in await returns.reports()] == ["soft"]


@pytest.mark.parametrize("action", ["delayed", "delivered", "relayed", "expanded"])
async def test_only_what_failed_has_bounced(returns: Returns, action: str):
    (sent,) = await returns.send()
    assert await returns.come(postfix(sent, "4.4.1", "connection timed out", action)) == "Claimed"
    assert [(kind, verdict) for kind, verdict, _ in await returns.reports()] == [("Notice", None)]
    await returns.settle()
    assert await returns.log() == []


async def test_a_read_receipt_is_a_mail(returns: Returns):
    (sent,) = await returns.send()
    source = complaint(sent).replace(b"feedback-report", b"disposition-notification")
    assert await returns.come(source) == "Imported"


async def test_it_counts_once_however_often_it_comes(returns: Returns):
    """To two accounts, or again after a reset."""
    (sent,) = await returns.send()
    assert [await returns.come(postfix(sent)) for _ in range(2)] == ["Claimed", "Claimed"]
    assert len(await returns.reports()) == 1
    jobs = await returns.column("SELECT count(*) FROM jobrunner.job WHERE name = 'SettleMailingReport'")
    assert jobs == [1]


async def test_of_an_item_that_was_removed(returns: Returns):
    """Its link is kept, and so its bounce is known."""
    (sent,) = await returns.send()
    await returns.connection.execute("DELETE FROM jobrunner.mass_email")
    assert await returns.come(postfix(sent)) == "Claimed"
    await returns.settle()
    assert await returns.is_invalid(ADDRESS)

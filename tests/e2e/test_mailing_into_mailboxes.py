"""Five hundred mails through real servers into mailboxes, which are then read.

Through Postfix, where it can be started; then a fifth of that goes straight to Dovecot, else all of it.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from tests.e2e.house import House, Person
from tests.e2e.mailboxes import door, is_root, mailboxes, postfix, read_maildirs
from tests.e2e.reading import check_signatures, one_click, parse, text_of
from tests.support.dovecot import Dovecot

DOMAIN = "example.org"
PERSONS = [Person(f"Zoë{n}", f"Weiß{n}", f"zoe{n}@{DOMAIN}", f"tulips & {n} more") for n in range(500)]
LIMIT = 60.0


@pytest.fixture
def dovecot(require_tool: Callable[..., Path]) -> Iterator[tuple[Dovecot, int]]:
    program = require_tool("dovecot", "dovecot-imapd")
    require_tool("/usr/lib/dovecot/lmtp", "dovecot-lmtpd")
    with mailboxes(program) as found:
        yield found


@pytest.fixture(params=["postfix", "straight"])
async def entrance(
    request: pytest.FixtureRequest, dovecot: tuple[Dovecot, int], require_tool: Callable[..., Path]
) -> AsyncIterator[tuple[int, list[Person]]]:
    """The port that mails go to, Postfix with Dovecot behind it or Dovecot itself; and who gets one."""
    _, lmtp_port = dovecot
    async with AsyncExitStack() as stack:
        if request.param == "straight":
            yield await stack.enter_async_context(door(lmtp_port)), PERSONS[:100] if is_root() else PERSONS
        else:
            program = require_tool("postfix")
            if not is_root():
                pytest.skip("Postfix can be started by root only")
            yield stack.enter_context(postfix(program, DOMAIN, lmtp_port)), PERSONS


async def test_each_mail_is_in_its_mailbox_once_as_it_was_written(
    database_url: str, keys: dict[str, str], dovecot: tuple[Dovecot, int], entrance: tuple[int, list[Person]]
):
    (server, _), (port, persons) = dovecot, entrance
    house = House(database_url, port, {"rsa2026": keys["rsa2026"]})
    try:
        await house.open()
        await house.add_list(persons)
        links = await house.add_campaign()
        body = f'<p>Dear {{Person.name}}, {{Person.flower}}: <a href="{links["Catalogue"]}">here</a></p>'
        mailing = await house.send("May", subject="{Person.firstName}, grüße", html=body)
        assert await house.completed(mailing, limit=LIMIT) == {"Sent": len(persons)}
        ids = await house.connection.fetch("SELECT email_address, token FROM jobrunner.queue_item")
        async with asyncio.timeout(LIMIT):  # Postfix delivers on when we have gone
            while sum(map(len, (found := read_maildirs(server)).values())) < len(persons):
                await asyncio.sleep(0.05)
    finally:
        await house.close()

    found = read_maildirs(server)  # what came late would be one too many
    assert Counter({user: len(messages) for user, messages in found.items()}) == Counter(
        {one.email.partition("@")[0]: 1 for one in persons}
    )
    tokens = {address: token.hex for address, token in ids}
    for person in persons:
        (stored,) = found[person.email.partition("@")[0]]
        raw = stored.replace(b"\n", b"\r\n")  # a Maildir has the line ends of its machine
        mail = parse(raw)
        assert mail["Delivered-To"].strip("<>") == person.email
        assert mail["Message-ID"].startswith(f"<{tokens[person.email]}@")
        assert mail["Subject"] == f"{person.first_name}, grüße"
        assert f"Dear {person.name}, {person.flower}: here" in text_of(mail)
        assert f"<p>Dear {person.name}, tulips &amp; " in text_of(mail, "html")
        assert one_click(raw) in text_of(mail)
        check_signatures(raw, house.look_up, how_many=1)

    # As a mail program reads it.
    with server.client("zoe7") as client:
        assert client.select("INBOX", readonly=True) == ("OK", [b"1"])
        _, answer = client.fetch("1", "(BODY.PEEK[])")
        assert isinstance(answer[0], tuple)
        assert answer[0][1].replace(b"\r\n", b"\n") == found["zoe7"][0]

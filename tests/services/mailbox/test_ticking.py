"""While mail is fetched and imported the daemon's event loop goes on, whatever the messages are."""

import asyncio
import os
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from jobrunner.services.mailbox.fetching import wake_fetch
from tests.services.mail.importing.letters import HEAD, letter, multipart, part, rich
from tests.services.mail.importing.mutations import corpus, mutated
from tests.services.mailbox.conftest import KEY, PostOffice
from tests.support.daemons import until

LONG = os.environ.get("JOBRUNNER_LONG") == "1"
MUTATED = 5000 if LONG else 300
LARGE = (50 if LONG else 12) * 2**20
MOST = 50.0
"""Milliseconds."""
ROOT = Path(__file__).parents[3]
FILTER = "INSERT INTO jobrunner.email_filter (name, is_global, body_contains) VALUES ($1, true, $2)"
LAST_UID = "SELECT max(last_uid) >= $1 FROM jobrunner.mail_folder_state"


def hostile() -> Iterator[bytes]:
    """What is meant to keep a parser busy."""
    inner = part(b"deep inside")
    for level in range(1000):
        inner = multipart(inner, boundary=f"b{level}")
    yield HEAD.encode() + inner
    yield HEAD.encode() + multipart(*[part(b"x", "image/png")] * 900)
    yield HEAD.encode() + multipart(*[part(b"x", "image/png")] * 50_000)
    yield letter(X_Long="y" * 3 * 2**20)
    yield letter(to='"' * 20_000)
    yield letter(to="(" * 5_000)
    yield letter(to=", ".join(f"a{number}@example.org" for number in range(1_900)))
    yield letter(References=" ".join(f"<{number}@x>" for number in range(20_000)))
    yield letter(b"<div>" * 200_000, Content_Type="text/html")
    many = ", ".join(f"Name {number} <a{number}@example.org>" for number in range(1_900))
    head = f"From: a@example.com\r\nTo: {many}\r\nMessage-ID: <all@x>\r\n".encode()
    text = part(b'\xc3\xa4"\\' * 400_000, "text/plain; charset=utf-8")
    html = part("<p>ä&quot;</p>".encode() * 70_000, "text/html; charset=utf-8")
    yield head + multipart(text, html, *[part(b"%d" % number, "image/png") for number in range(900)])
    for number in range(40):  # together one batch
        yield letter(to=",".join(f"{place}@x.de" for place in range(1_900)), message_id=f"<{number}@y>")
    yield letter("ä".encode() * 900_000, Content_Type="text/plain; charset=utf-8", message_id="<long@x>")


async def test_the_loop_is_never_blocked(office: PostOffice, user: str):
    """H07: a large message, hostile ones and broken ones; no step of the loop computes for more than 50 ms."""
    messages = [*hostile(), rich(LARGE), *corpus(), *islice(mutated(3), MUTATED)]
    await asyncio.to_thread(office.dovecot.deliver_files, user, messages)
    account = await office.account(user)
    for number in range(30):
        await office.connection.execute(FILTER, f"f{number}", [f"not in any of them {phrase}" for phrase in range(10)])
    program = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.services.mailbox.ticking_program",
        office.url, KEY, str(office.configuration.data_dir),
        cwd=ROOT, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert program.stdin is not None
    assert program.stdout is not None
    async with asyncio.timeout(1200 if LONG else 100):
        assert await program.stdout.readline() == b"ready\n"
        await wake_fetch(office.connection, "Personal", account)
        await until(office.connection, LAST_UID, len(messages), limit=1000 if LONG else 90)
        program.stdin.close()
        longest, ticks = map(float, (await program.stdout.readline()).split())
        assert await program.wait() == 0
    print(f"{longest} ms in one step; {ticks:.0f} ticks")
    assert ticks > 100
    assert longest < MOST

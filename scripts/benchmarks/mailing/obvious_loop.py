"""The obvious loop: the standard library's EmailMessage and aiosmtplib, as their documentation shows them.

Sixteen connections, each kept open by a task that takes the next recipient from a queue, fills two Jinja2 templates,
builds an EmailMessage and hands it to `send_message`; with a key, dkimpy signs it before. On uvloop. It has no
database, checks nothing, keeps no outcome, no rate and no opt-out, and who is not reached is lost.
"""

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Sequence
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import localtime, make_msgid
from pathlib import Path
from secrets import token_urlsafe

import aiosmtplib
import dkim  # type: ignore[import-untyped]
import jinja2
import uvloop

from scripts.benchmarks.mailing import letter
from scripts.benchmarks.mailing.keys import SELECTOR
from scripts.benchmarks.mailing.recipients import Recipient, recipients
from scripts.benchmarks.mailing.sizes import CONNECTIONS
from scripts.benchmarks.mailing.system import Sender, Sent

MODULE = "scripts.benchmarks.mailing.obvious_loop"
ROOT = Path(__file__).parents[3]

PLACES = {name: f"{{{{ {name} }}}}" for name in ("first_name", "last_name", "company", "unsubscribe_url")}
SUBJECT = jinja2.Template(letter.SUBJECT.format(**PLACES))
TEXT = jinja2.Template(letter.text_body(PLACES), keep_trailing_newline=True)
HTML = jinja2.Template(letter.html_body(PLACES), autoescape=True, keep_trailing_newline=True)
SIGNED = [b"from", b"to", b"subject", b"date", b"message-id", b"mime-version", b"content-type", b"list-unsubscribe"]


def compose(recipient: Recipient) -> EmailMessage:
    """Return the mail to one of them."""
    unsubscribe_url = f"{letter.SITE}/u/{token_urlsafe(16)}"
    values = {
        "first_name": recipient.first_name,
        "last_name": recipient.last_name,
        "company": recipient.company,
        "unsubscribe_url": unsubscribe_url,
    }
    message = EmailMessage(policy=SMTP)
    message["From"] = Address(letter.SENDER_NAME, addr_spec=letter.SENDER)
    message["To"] = Address(f"{recipient.first_name} {recipient.last_name}", addr_spec=recipient.email)
    message["Subject"] = SUBJECT.render(values)
    message["Date"] = localtime()
    message["Message-ID"] = make_msgid(domain=letter.DOMAIN)
    message["List-Unsubscribe"] = f"<{unsubscribe_url}>"
    message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
    message.set_content(TEXT.render(values))
    message.add_alternative(HTML.render(values), subtype="html")
    return message


async def work(queue: "asyncio.Queue[Recipient]", port: int, key: bytes | None) -> None:
    """Send to one after another over one connection."""
    client = aiosmtplib.SMTP(hostname="127.0.0.1", port=port, start_tls=False, local_hostname="bench.example.org")
    async with client:
        while not queue.empty():
            recipient = queue.get_nowait()
            message = compose(recipient)
            if key is None:
                await client.send_message(message)
                continue
            octets = message.as_bytes()
            signature = dkim.sign(
                octets,
                SELECTOR.encode(),
                letter.DOMAIN.encode(),
                key,
                canonicalize=(b"relaxed", b"relaxed"),
                include_headers=SIGNED,
            )
            await client.sendmail(letter.SENDER, [recipient.email], signature + octets)


async def send_all(people: Sequence[Recipient], port: int, key: bytes | None) -> None:
    """Send to all of them."""
    queue: asyncio.Queue[Recipient] = asyncio.Queue()
    for recipient in people:
        queue.put_nowait(recipient)
    await asyncio.gather(*(work(queue, port, key) for _ in range(CONNECTIONS)))


def serve(most: int, key: bytes | None) -> None:
    """Read `port count` from standard input, send, and write what it took; until standard input ends."""
    everybody = recipients(most)
    for line in sys.stdin:
        port, count = map(int, line.split())
        began, used = time.perf_counter(), time.process_time()
        uvloop.run(send_all(everybody[:count], port, key))
        took = {"seconds": time.perf_counter() - began, "cpu": time.process_time() - used}
        print(json.dumps(took), flush=True)


class ObviousLoop(Sender):
    """The loop as a process, which runs all the time and is warm."""

    def __init__(self, name: str, most: int, key_file: Path | None = None) -> None:
        """`most`: recipients that it is to know; `key_file`: a private key in PEM, to sign with."""
        self.name = name
        command = [sys.executable, "-m", MODULE, str(most)]
        self._process = subprocess.Popen(
            command if key_file is None else [*command, str(key_file)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    async def send(self, count: int, port: int) -> Sent:
        """Send."""
        return await asyncio.to_thread(self._ask, f"{port} {count}\n")

    def _ask(self, line: str) -> Sent:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(line)
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            raise RuntimeError(f"the process of {self.name} has ended")
        return Sent(**json.loads(answer))

    def stop(self) -> None:
        """End it."""
        self._process.terminate()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()


if __name__ == "__main__":
    serve(int(sys.argv[1]), Path(sys.argv[2]).read_bytes() if len(sys.argv) > 2 else None)

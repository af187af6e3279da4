"""The obvious loops: imaplib, which only downloads; and the same with the email package, which takes apart as well.

Both ask for a hundred messages at a time, which is faster than one by one. The second one reads of each message what
one wants of it: addresses, subject, date, ids, text, HTML and files, decoded. Nothing is stored; what fails is lost.
"""

import asyncio
import email
import email.policy
import imaplib
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from scripts.benchmarks.receiving.names import DOWNLOAD, PARSE
from scripts.benchmarks.receiving.system import Fetcher, Got
from tests.support.dovecot import PASSWORD

MODULE = "scripts.benchmarks.receiving.loops"
ROOT = Path(__file__).parents[3]
AT_ONCE = 100
FIELDS = ("From", "Reply-To", "To", "Cc", "Subject", "Date", "Message-ID", "In-Reply-To", "References")


def download(port: int, user: str) -> Iterator[bytes]:
    """Yield each message of the INBOX."""
    with imaplib.IMAP4("127.0.0.1", port) as client:
        client.login(user, PASSWORD)
        client.select("INBOX", readonly=True)
        _, found = client.uid("SEARCH", "ALL")
        uids = [uid.decode() for uid in found[0].split()]
        for begin in range(0, len(uids), AT_ONCE):
            _, answers = client.uid("FETCH", ",".join(uids[begin : begin + AT_ONCE]), "(BODY.PEEK[])")
            for answer in answers:
                if isinstance(answer, tuple):
                    yield answer[1]


def take_apart(source: bytes) -> int:
    """Read a message; return the octets of its files."""
    message = email.message_from_bytes(source, policy=email.policy.default)
    for field in FIELDS:
        str(message[field])
    for kind in ("plain", "html"):
        body = message.get_body((kind,))
        if body is not None:
            body.get_content()
    files = 0
    for part in message.iter_attachments():
        part.get_filename()
        content = part.get_content()
        files += len(content)
    return files


def serve(port: int, *, parses: bool) -> None:
    """Read a user's name from standard input, fetch, and write what it took; until standard input ends."""
    for line in sys.stdin:
        began, used = time.perf_counter(), time.process_time()
        count = 0
        for source in download(port, line.strip()):
            if parses:
                take_apart(source)
            count += 1
        took = {"seconds": time.perf_counter() - began, "cpu": time.process_time() - used, "messages": count}
        print(json.dumps(took), flush=True)


class Loop(Fetcher):
    """One of them as a process, which runs all the time."""

    def __init__(self, port: int, *, parses: bool) -> None:
        self.name = PARSE if parses else DOWNLOAD
        self._process = subprocess.Popen(
            [sys.executable, "-m", MODULE, str(port), "parse" if parses else "download"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    async def fetch(self, user: str, count: int) -> Got:
        """Fetch."""
        return await asyncio.to_thread(self._ask, user)

    def _ask(self, user: str) -> Got:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{user}\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            raise RuntimeError(f"the process of {self.name} has ended")
        return Got(**json.loads(answer))

    def stop(self) -> None:
        """End it."""
        self._process.terminate()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()


if __name__ == "__main__":
    serve(int(sys.argv[1]), parses=sys.argv[2] == "parse")

"""The Dovecot of a run, with the mailbox that everybody reads."""

import os
import shutil
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

import trustme

from jobrunner.errors import JobrunnerError
from scripts.benchmarks import cpu
from tests.support.dovecot import PASSWORD, Dovecot

STILL_HERE = 120
"""Seconds between two signs of life under IDLE, Dovecot's own default."""

__all__ = ["PASSWORD", "Dovecot", "ProgramMissing", "fill", "running", "spent"]


class ProgramMissing(JobrunnerError):
    """Dovecot is not there."""


@contextmanager
def running() -> Iterator[Dovecot]:
    """Run a server on loopback."""
    program = shutil.which("dovecot", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    if program is None or not Path("/usr/lib/dovecot/imap").exists():
        raise ProgramMissing("dovecot is not installed: `apt-get install dovecot-imapd` as root")
    server = Dovecot.start(Path(program), trustme.CA(), idle_notify=STILL_HERE)
    try:
        yield server
    finally:
        server.stop()


def fill(server: Dovecot, user: str, messages: Iterable[bytes]) -> tuple[int, int]:
    """Put messages into a user's INBOX; return how many, and their octets."""
    count = octets = 0

    def counted() -> Iterator[bytes]:
        nonlocal count, octets
        for message in messages:
            count += 1
            octets += len(message)
            yield message

    server.deliver_files(user, counted())
    return count, octets


def warm(server: Dovecot, user: str) -> float:
    """Let the server look at each message once, so that no system pays for its index; return the seconds that took."""
    began = time.perf_counter()
    with server.client(user) as client:
        client.select("INBOX", readonly=True)
        client.fetch("1:*", "(UID FLAGS INTERNALDATE RFC822.SIZE)")
    return time.perf_counter() - began


def spent(server: Dovecot) -> float:
    """Return the seconds of CPU of all its processes so far."""
    return cpu.spent(int((server.folder / "run/master.pid").read_text()))

"""Mailboxes behind real servers: a Dovecot that takes LMTP, and what hands mail to it from SMTP."""

import asyncio
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import trustme

from tests.support.dovecot import LIMIT, Dovecot
from tests.support.ports import free_port

LMTP = """
protocols = imap lmtp
mail_fsync = never
service lmtp {{
  inet_listener lmtp {{
    address = 127.0.0.1
    port = {port}
  }}
}}
"""

POSTFIX_MAIN = """
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
maillog_file = {folder}/postfix.log
maillog_file_prefixes = {folder}
mail_owner = postfix
setgid_group = postdrop
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = relay.example.com
mydestination =
alias_maps =
alias_database =
mynetworks = 127.0.0.0/8
smtpd_relay_restrictions = permit_mynetworks, reject
virtual_mailbox_domains = {domain}
virtual_mailbox_maps = static:all
virtual_transport = lmtp:inet:127.0.0.1:{lmtp_port}
notify_classes =
"""

# What a message passes, without chroot.
POSTFIX_MASTER = """
127.0.0.1:{port} inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
error unix - - n - - error
retry unix - - n - - error
proxymap unix - - n - - proxymap
anvil unix - - n - 1 anvil
tlsmgr unix - - n 1000? 1 tlsmgr
lmtp unix - - n - - lmtp
smtp unix - - n - - smtp
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""


@contextmanager
def mailboxes(program: Path) -> Iterator[tuple[Dovecot, int]]:
    """A Dovecot and the port on which it takes mail for anybody."""
    server = Dovecot.start(program, trustme.CA())
    try:
        port = free_port()
        configuration = server.folder / "dovecot.conf"
        with configuration.open("a") as more:
            more.write(LMTP.format(port=port))
        with (server.folder / "start.log").open("a") as log:
            command: list[str | Path] = [program, "-c", configuration, "reload"]
            subprocess.run(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, check=True, timeout=LIMIT)
        wait_for_greeting(port, server.folder)
        yield server, port
    finally:
        server.stop()


@contextmanager
def postfix(program: Path, domain: str, lmtp_port: int) -> Iterator[int]:
    """A Postfix that hands all for one domain on; yields its port. Only root can start it."""
    folder = Path(tempfile.mkdtemp(prefix="jobrunner-postfix-"))
    port = free_port()
    try:
        folder.chmod(0o755)
        for name in ("queue", "data"):
            (folder / name).mkdir()
        shutil.chown(folder / "data", "postfix")
        values = {"folder": folder, "port": port, "domain": domain, "lmtp_port": lmtp_port}
        (folder / "main.cf").write_text(POSTFIX_MAIN.format(**values))
        (folder / "master.cf").write_text(POSTFIX_MASTER.format(**values))
        with (folder / "start.log").open("w") as log:

            def run(command: str) -> None:
                arguments: list[str | Path] = [program, "-c", folder, command]
                subprocess.run(arguments, stdout=log, stderr=log, stdin=subprocess.DEVNULL, check=True, timeout=60)

            try:
                run("start")
                wait_for_greeting(port, folder)
                yield port
            finally:
                if (folder / "queue/pid/master.pid").exists():
                    run("stop")
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def wait_for_greeting(port: int, folder: Path) -> None:
    """Wait until a server says 220."""
    deadline = time.monotonic() + LIMIT
    while True:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=LIMIT) as connection:
                if connection.recv(3) == b"220":
                    return
        except OSError:
            pass
        if time.monotonic() > deadline:
            raise RuntimeError("\n".join(path.read_text() for path in folder.glob("*.log")))
        time.sleep(0.02)


@asynccontextmanager
async def door(lmtp_port: int) -> AsyncIterator[int]:
    """A port of SMTP before one of LMTP: with one recipient they differ in the word of greeting alone."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", lmtp_port)
        answers = asyncio.create_task(pass_on(inner_reader, writer))
        try:
            hello = await reader.readline()
            inner_writer.write(hello.replace(b"EHLO", b"LHLO", 1))
            await pass_on(reader, inner_writer)
            await answers
        finally:
            answers.cancel()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield int(server.sockets[0].getsockname()[1])
    finally:
        server.close()
        await server.wait_closed()


async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while octets := await reader.read(65536):
            writer.write(octets)
            await writer.drain()
    except OSError:
        pass
    finally:
        writer.close()


def read_maildirs(server: Dovecot) -> dict[str, list[bytes]]:
    """All that has been delivered, by whose it is."""
    found: dict[str, list[bytes]] = {}
    for path in (server.folder / "mail").glob("*/Maildir/*/*"):
        if path.is_file() and path.parent.name in ("new", "cur"):
            found.setdefault(path.parents[2].name, []).append(path.read_bytes())
    return found


def is_root() -> bool:
    return os.geteuid() == 0

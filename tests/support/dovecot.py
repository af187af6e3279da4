"""A private Dovecot on loopback in a temporary folder: any user exists, with one password, and has an empty INBOX."""

import grp
import imaplib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import trustme

from tests.support.ports import free_port

PASSWORD = "canary-imap-5ecret"
LIMIT = 20.0
"""Seconds that starting or stopping may take."""

COMMON = """
base_dir = {folder}/run
state_dir = {folder}/run
log_path = {folder}/dovecot.log
protocols = imap
listen = 127.0.0.1
auth_mechanisms = plain login cram-md5
auth_failure_delay = 0
auth_cache_size = 0
mail_max_userip_connections = 1000
imap_idle_notify_interval = {idle_notify} secs
namespace inbox {{
  inbox = yes
  separator = /
}}
service imap-login {{
  process_limit = 4
  {login_chroot}
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = {tls_port}
  }}
}}
service anvil {{
  {anvil_chroot}
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
"""
OLD = """
service imap-login {{
  service_count = 0
}}
ssl_cert = <{folder}/cert.pem
ssl_key = <{folder}/key.pem
mail_location = maildir:~/Maildir
passdb {{
  driver = static
  args = password={password}
}}
userdb {{
  driver = static
  args = uid={user} gid={group} home={folder}/mail/%n
}}
"""
VERSION = """
dovecot_config_version = 2.4.0
dovecot_storage_version = 2.4.0
"""
NEW = """
service imap-login {{
  restart_request_count = unlimited
}}
ssl_server_cert_file = {folder}/cert.pem
ssl_server_key_file = {folder}/key.pem
auth_allow_cleartext = yes
first_valid_uid = 1
first_valid_gid = 1
mail_driver = maildir
mail_path = ~/Maildir
passdb static {{
  password = {password}
}}
userdb static {{
  fields {{
    uid = {user}
    gid = {group}
    home = {folder}/mail/%{{user | username}}
  }}
}}
"""

WITHOUT_ROOT = """
default_internal_user = {user}
default_login_user = {user}
default_internal_group = {group}
"""


def configuration(program: Path) -> str:
    """Return how the installed version is configured: 2.4 has another syntax than those before."""
    done = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=LIMIT, check=True)
    return COMMON + OLD if done.stdout.startswith("2.3.") else VERSION + COMMON + NEW


@dataclass
class Dovecot:
    """A server; `start` makes one."""

    folder: Path
    port: int
    """In clear, and with STARTTLS."""
    tls_port: int
    """With TLS from the first octet; the certificate is for localhost and 127.0.0.1."""
    user: str
    """Of the system, under which mail is kept."""
    group: str
    _alive: int | None = None

    @classmethod
    def start(cls, program: Path, authority: trustme.CA, *, idle_notify: int = 5) -> Self:
        """Start a server in a folder of its own. It is no child of ours: its children come and go as they please."""
        root = os.geteuid() == 0
        user = "nobody" if root else pwd.getpwuid(os.geteuid()).pw_name
        group = "nogroup" if root else grp.getgrgid(os.getegid()).gr_name
        server = cls(Path(tempfile.mkdtemp(prefix="jobrunner-dovecot-")), free_port(), free_port(), user, group)
        folder = server.folder
        folder.chmod(0o755)
        (folder / "mail").mkdir()
        certificate = authority.issue_cert("localhost", "127.0.0.1")
        certificate.private_key_pem.write_to_path(folder / "key.pem")
        for pem in certificate.cert_chain_pems:
            pem.write_to_path(folder / "cert.pem", append=True)
        if root:
            shutil.chown(folder / "mail", user, group)
        text = configuration(program).format(
            folder=folder,
            idle_notify=idle_notify,
            password=PASSWORD,
            user=user,
            group=group,
            port=server.port,
            tls_port=server.tls_port,
            login_chroot="" if root else "chroot =",
            anvil_chroot="" if root else "chroot =",
        )
        if not root:
            text += WITHOUT_ROOT.format(user=user, group=group)
        (folder / "dovecot.conf").write_text(text)
        # Its log is a file: a pipe would stay open in it, and be waited for.
        with (folder / "start.log").open("w") as log:
            command = [program, "-c", folder / "dovecot.conf"]
            subprocess.run(command, stdout=log, stderr=log, stdin=subprocess.DEVNULL, check=False, timeout=LIMIT)
        try:
            server._wait_until_there()
        except BaseException:
            server.stop()
            raise
        server._guard()
        return server

    def stop(self) -> None:
        """Stop it and remove its folder."""
        try:
            pid = int((self.folder / "run/master.pid").read_text())
        except (OSError, ValueError):
            pid = 0
        deadline = time.monotonic() + LIMIT
        while pid and _send(pid, signal.SIGTERM) and time.monotonic() < deadline:
            time.sleep(0.02)
        shutil.rmtree(self.folder, ignore_errors=True)
        if self._alive is not None:
            os.close(self._alive)
            self._alive = None

    def _guard(self) -> None:
        """Have it stopped also where we are killed: then the pipe that only we hold open ends."""
        ended, self._alive = os.pipe()
        script = f"""(read _ <&{ended}; kill "$(cat '{self.folder}/run/master.pid')"; rm -rf '{self.folder}') &"""
        subprocess.run(
            ["sh", "-c", script],
            pass_fds=[ended],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            check=True,
        )
        os.close(ended)

    def new_user(self) -> str:
        """The name of a user whom nobody else uses."""
        return f"user-{uuid.uuid4().hex[:12]}"

    def client(self, user: str) -> imaplib.IMAP4:
        """A connection of the standard library, logged in; to be used as a context."""
        client = imaplib.IMAP4("127.0.0.1", self.port, timeout=LIMIT)
        client.login(user, PASSWORD)
        return client

    def deliver(self, user: str, messages: Iterable[bytes], folder: str = "INBOX") -> None:
        """Put messages into a folder over IMAP: who watches it is told."""
        with self.client(user) as client:
            for message in messages:
                done, words = client.append(f'"{folder}"', "", "", message)
                assert done == "OK", words

    def deliver_files(self, user: str, messages: Iterable[bytes], folder: str = "") -> None:
        """Put many messages into a user's INBOX, or another folder, as files: much faster, before anybody looks."""
        maildir = self.folder / "mail" / user / "Maildir"
        if folder:
            maildir /= f".{folder}"
        for name in ("cur", "new", "tmp"):
            (maildir / name).mkdir(parents=True, exist_ok=True)
        for number, message in enumerate(messages, 1):
            (maildir / "cur" / f"{1_700_000_000 + number}.M{number}.test,S={len(message)}:2,").write_bytes(message)
        if os.geteuid() == 0:
            for path in (*maildir.parents[: 2 if folder else 1], maildir, *maildir.rglob("*")):
                shutil.chown(path, self.user, self.group)

    def _wait_until_there(self) -> None:
        deadline = time.monotonic() + LIMIT
        while True:
            try:
                with socket.create_connection(("127.0.0.1", self.port), timeout=LIMIT) as connection:
                    if connection.recv(4) == b"* OK":
                        return
            except OSError:
                pass
            if time.monotonic() > deadline:
                said = "".join(p.read_text() for p in self.folder.glob("*.log"))
                self.stop()
                raise RuntimeError(f"Dovecot does not start: {said}")
            time.sleep(0.02)


def _send(pid: int, number: int) -> bool:
    """Whether the process was there."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return False
    return True

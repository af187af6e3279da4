"""The demo's IMAP server: a private Dovecot on loopback, with a mailbox for whoever logs in."""

import asyncio
import contextlib
import grp
import imaplib
import os
import pwd
import secrets
import shutil
import socket
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from jobrunner.db.server_account import ServerAccount, choose_account
from jobrunner.errors import ConfigurationError, JobrunnerError

LIMIT = 20.0
"""Seconds that starting or stopping may take."""
IMAP = ("/usr/lib/dovecot/imap", "/usr/libexec/dovecot/imap", "/usr/local/libexec/dovecot/imap")
"""A package of its own, where the program alone may be there."""
PLACES = (*os.get_exec_path(), "/usr/sbin", "/usr/local/sbin")

COMMON = """
base_dir = {run}
state_dir = {run}
log_path = {folder}/log
protocols = imap
listen = 127.0.0.1
ssl = no
auth_mechanisms = plain login
first_valid_uid = 1
first_valid_gid = 1
namespace inbox {{
  inbox = yes
  separator = /
}}
service imap-login {{
  {chroot}
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
service anvil {{
  {chroot}
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
"""
CONFIGURATIONS = {
    "2.3": COMMON
    + """
mail_location = maildir:~/Maildir
passdb {{
  driver = static
  args = password={password}
}}
userdb {{
  driver = static
  args = uid={user} gid={group} home={mails}/%n
}}
""",
    # The version has to be said first; 2.4.0 is understood by all that follow it.
    "2.4": "dovecot_config_version = 2.4.0\ndovecot_storage_version = 2.4.0"
    + COMMON
    + """
auth_allow_cleartext = yes
mail_driver = maildir
mail_path = ~/Maildir
passdb static {{
  password = {password}
}}
userdb static {{
  fields {{
    uid = {user}
    gid = {group}
    home = {mails}/%{{user | username}}
  }}
}}
""",
}
"""By the version of Dovecot, whose syntax they are in."""
WITHOUT_ROOT = """
default_internal_user = {user}
default_login_user = {user}
default_internal_group = {group}
"""
GUARD = '"$1" -F -c "$2/dovecot.conf" >"$2/start.log" 2>&1 & server=$!; read _; kill $server; wait $server; rm -rf "$2"'
"""Holds the server until the pipe ends that only we keep open: when we stop it, and also when we are killed."""


@dataclass(frozen=True)
class Program:
    """The server as it is installed."""

    path: Path
    configuration: str
    """What it is configured by: the text for its version, to be filled in."""


def find_dovecot() -> Program:
    """Return the program; raises ConfigurationError where there is none that does."""
    program = shutil.which("dovecot", path=os.pathsep.join(PLACES))
    if program is None or not any(Path(path).exists() for path in IMAP):
        raise ConfigurationError(
            "scripts/demo --mail needs the IMAP server Dovecot, which this machine does not have:"
            " have `apt-get install dovecot-imapd` run as root, or try scripts/demo without --mail"
        )
    done = subprocess.run([program, "--version"], capture_output=True, text=True, timeout=LIMIT, check=False)
    version = done.stdout.split(" ")[0].strip()
    configuration = CONFIGURATIONS.get(".".join(version.split(".")[:2]))
    if configuration is None:
        raise ConfigurationError(
            f"scripts/demo --mail knows Dovecot {' and '.join(CONFIGURATIONS)}, and this machine has"
            f" {version or 'another'}: try scripts/demo without --mail"
        )
    return Program(Path(program), configuration)


class Dovecot:
    """A server that runs; `start` makes one. What it runs in is removed at its end, the mails stay."""

    def __init__(self, mails: Path, account: ServerAccount) -> None:
        self.port = free_port()
        self.password = secrets.token_urlsafe(12)
        """Everybody's."""
        self._mails = mails
        self._account = account
        # Short, since sockets go there; and new, since a former one's leftovers would delay it.
        self._folder = Path(tempfile.mkdtemp(prefix="jobrunner-demo-"))
        self._guard: subprocess.Popen[bytes] | None = None

    @classmethod
    async def start(cls, data_dir: Path) -> Self:
        """Start one on the mails that are kept in a data folder, whose PostgreSQL runs already."""
        program = find_dovecot()
        account = choose_account(data_dir / "data")
        mails = data_dir / "mailboxes"
        mails.mkdir(mode=0o700, exist_ok=True)
        account.own(mails)
        server = cls(mails, account)
        try:
            server._launch(program)
            await server._answers()
        except BaseException:
            await server.stop()
            raise
        return server

    async def stop(self) -> None:
        """End it; harmless where it has ended."""
        guard, self._guard = self._guard, None
        if guard is not None and guard.stdin is not None:
            guard.stdin.close()
            with contextlib.suppress(subprocess.TimeoutExpired):
                await asyncio.to_thread(guard.wait, LIMIT)
        shutil.rmtree(self._folder, ignore_errors=True)

    async def deliver(self, user: str, message: bytes) -> None:
        """Put a message into somebody's inbox, as another mail program would."""
        await asyncio.to_thread(self._append, user, message)

    def _append(self, user: str, message: bytes) -> None:
        with imaplib.IMAP4("127.0.0.1", self.port, timeout=LIMIT) as client:
            client.login(user, self.password)
            answer, words = client.append("INBOX", "", "", message)
            if answer != "OK":
                raise JobrunnerError(f"Dovecot takes no mail for {user}: {words}")

    def _launch(self, program: Program) -> None:
        user, group = self._account.name, grp.getgrgid(self._account.gid).gr_name
        is_root = os.geteuid() == 0
        text = program.configuration.format(
            folder=self._folder,
            run=self._folder / "run",
            mails=self._mails,
            port=self.port,
            password=self.password,
            user=user,
            group=group,
            chroot="" if is_root else "chroot =",
        )
        if not is_root:
            text += WITHOUT_ROOT.format(user=pwd.getpwuid(os.geteuid()).pw_name, group=group)
        self._folder.chmod(0o755)
        configuration = self._folder / "dovecot.conf"
        configuration.touch(mode=0o600)
        configuration.write_text(text)
        self._guard = subprocess.Popen(
            ["/bin/sh", "-c", GUARD, "sh", program.path, self._folder],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C at the terminal is ours to handle
        )

    async def _answers(self) -> None:
        try:
            async with asyncio.timeout(LIMIT):
                while not await asyncio.to_thread(self._greets):
                    if " Fatal: " in (said := self._said()):
                        raise ConfigurationError(f"Dovecot does not start: {said.strip().splitlines()[-1]}")
                    await asyncio.sleep(0.05)
        except TimeoutError:
            raise ConfigurationError(f"Dovecot did not answer within {LIMIT:g} s: {self._said()[-500:]}") from None

    def _greets(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=LIMIT) as connection:
                return connection.recv(4) == b"* OK"
        except OSError:
            return False

    def _said(self) -> str:
        names = (self._folder / "start.log", self._folder / "log")
        return "".join(path.read_text(errors="replace") for path in names if path.exists())


def free_port() -> int:
    """A port of loopback that nobody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])

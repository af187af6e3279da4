"""The account that the embedded PostgreSQL runs under: one's own, and for root another, since it refuses root."""

import os
import pwd
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jobrunner.errors import DatabaseUnavailable

STAND_INS = ("postgres", "nobody")
"""Accounts that root's server may run under, the first that exists. initdb wants one with a name."""


@dataclass(frozen=True, slots=True)
class ServerAccount:
    """An account of this machine by name and numbers."""

    name: str
    uid: int
    gid: int

    @property
    def borrowed(self) -> bool:
        """Whether it is another one than our own."""
        return self.uid != os.geteuid()

    def run(self, *command: str | Path, **options: Any) -> "subprocess.CompletedProcess[str]":
        """Run a command under this account to its end (`subprocess.run`); blocks. Its output is text."""
        options = {"capture_output": True, "text": True, "stdin": subprocess.DEVNULL} | options
        return subprocess.run(command, **self.options, **options)  # noqa: S603  our own words, no shell

    @property
    def options(self) -> dict[str, Any]:
        """What `subprocess` needs to start a process under this account, in a folder that it can enter."""
        if not self.borrowed:
            return {"cwd": "/"}
        return {"cwd": "/", "user": self.uid, "group": self.gid, "extra_groups": []}

    def enters(self, folder: Path) -> bool:
        """Whether it can enter the folder: tried, since mode bits do not tell of access lists."""
        if not self.borrowed:
            return os.access(folder, os.X_OK)
        return self.run("/bin/sh", "-c", 'cd -- "$1"', "sh", folder).returncode == 0

    def own(self, path: Path) -> None:
        """Make the file or folder this account's."""
        if self.borrowed:
            os.chown(path, self.uid, self.gid, follow_symlinks=False)


def choose_account(data: Path) -> ServerAccount:
    """Return our own account, or for root the owner of the existing `data`, else the first of STAND_INS."""
    uid = os.geteuid()
    if uid != 0:
        try:
            return _account(pwd.getpwuid(uid))
        except KeyError:
            raise DatabaseUnavailable(
                f"the user id {uid} has no name on this machine, which PostgreSQL needs:"
                " add it to /etc/passwd, or give a database with --database-url"
            ) from None
    try:
        owner = data.stat().st_uid
        if owner != 0:
            return _account(pwd.getpwuid(owner))
    except (OSError, KeyError):
        pass  # no data yet; what is wrong with the folder is said where it is made
    for name in STAND_INS:
        try:
            return _account(pwd.getpwnam(name))
        except KeyError:
            continue
    raise DatabaseUnavailable(
        "PostgreSQL refuses to run as root, and there is no account postgres or nobody to run it under:"
        " make one with `useradd --system postgres`, or give a database with --database-url"
    )


def _account(entry: pwd.struct_passwd) -> ServerAccount:
    return ServerAccount(entry.pw_name, entry.pw_uid, entry.pw_gid)

"""Who is PostgreSQL on a data folder: its pid file read, and the process behind it looked at.

A pid alone proves nothing: after a kill it may name a zombie that nobody reaps (containers without an init)
or, after a restart of the machine, somebody else. PostgreSQL itself then refuses to start ("lock file exists").
"""

import contextlib
import itertools
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

from jobrunner.db.data_folder import SOCKET_NAME


@dataclass(frozen=True, slots=True)
class Postmaster:
    """What postmaster.pid says."""

    pid: int
    socket_folder: Path | None
    """Where its socket is; None while it has none yet."""


def read_postmaster(data: Path) -> Postmaster | None:
    """Return what the pid file in the data folder says, whether true or not; None without one."""
    try:
        lines = (data / "postmaster.pid").read_text(errors="surrogateescape").splitlines()
        folder = lines[4] if len(lines) > 4 else ""
        return Postmaster(int(lines[0]), Path(folder) if folder else None)
    except (OSError, ValueError, IndexError):
        return None


def is_postmaster(pid: int, data: Path) -> bool:
    """Whether the process lives (a zombie does not) and is PostgreSQL on this data folder."""
    state, words = _look_at(pid)
    if not words or state.startswith(("Z", "X")):
        return False
    # By its command line, which everybody may read: for root in a container without the right to trace,
    # the working folder of another account's process is hidden.
    for option, value in itertools.pairwise(words):
        if option == "-D":
            with contextlib.suppress(OSError):
                return os.path.samefile(value, data)
    return False


def clear_stale_files(data: Path, socket_folder: Path) -> None:
    """Delete the pid file and the socket's lock where they name a process that exists but is not PostgreSQL here.

    Only under the start lock, and when nothing answers. Files that name no process are PostgreSQL's to judge.
    """
    for path in (data / "postmaster.pid", socket_folder / f"{SOCKET_NAME}.lock"):
        try:
            pid = abs(int(path.read_text(errors="surrogateescape").splitlines()[0]))
        except (OSError, ValueError, IndexError):
            continue
        if _exists(pid) and not is_postmaster(pid, data):
            path.unlink(missing_ok=True)


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _look_at(pid: int) -> tuple[str, list[str]]:
    """Return the process's state letter and its command line; ("", []) when there is none."""
    if not Path("/proc/self/stat").exists():
        seen = subprocess.run(  # noqa: S603  a number is all that is put in
            ["/bin/ps", "-ww", "-o", "stat=,args=", "-p", str(pid)], capture_output=True, text=True, check=False
        ).stdout.split()
        return (seen[0], seen[1:]) if seen else ("", [])
    try:
        # The name, in brackets, may itself hold blanks and brackets.
        state = Path(f"/proc/{pid}/stat").read_text(errors="surrogateescape").rpartition(")")[2].split()[0]
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except (OSError, IndexError):
        return "", []
    return state, [os.fsdecode(word) for word in words if word]

"""The folder of the embedded PostgreSQL: where it is, who may enter it, and where the server's socket goes.

start.lock       held alone by whoever starts or stops the server
use.lock         held by everybody who uses it
data/            PostgreSQL's own folder (mode 0700)
postgresql.log   what it says
binaries/        for root only: a copy of programs that the server's account could not reach
"""

import errno
import hashlib
import os
import re
import stat
import tempfile
from pathlib import Path

from jobrunner.config.values import default_data_dir as default_data_dir
from jobrunner.db.server_account import ServerAccount
from jobrunner.errors import DatabaseUnavailable

ANOTHER = "choose another data folder, one of your own, with JOBRUNNER_DATA_DIR"
NETWORK_FILE_SYSTEMS = frozenset({"nfs", "nfs4", "cifs", "smb3", "smbfs", "afs", "fuse.sshfs"})
SOCKET_NAME = ".s.PGSQL.5432"
LONGEST_SOCKET_PATH = 100
"""Bytes; the system's own limit is 104 to 108."""


def prepare(folder: Path, account: ServerAccount) -> None:
    """Make the folder, closed to others, or check an existing one; `account` can enter it afterwards.

    Folders above it are never changed. Raises DatabaseUnavailable when it is on a network file system,
    below a folder closed to `account`, or not ours to write to.
    """
    for path in (*reversed(folder.parents), folder):
        if path.is_symlink() and not path.exists():
            raise _unusable(folder, f"{path} is a link that leads nowhere")
        if path.exists() and not path.is_dir():
            raise _unusable(folder, "is a file, not a folder" if path == folder else f"{path} is a file")
    if kind := network_file_system(folder, _mounts()):
        raise _unusable(
            folder,
            f"is on a network file system ({kind}), whose locks are not to be relied on",
            "choose one on a local disk with JOBRUNNER_DATA_DIR",
        )
    for parent in reversed(folder.parents):
        if account.borrowed and parent.exists() and not account.enters(parent):
            raise DatabaseUnavailable(
                f"PostgreSQL refuses to run as root, and the account {account.name} cannot enter {parent}:"
                " choose a data folder that it can reach, such as JOBRUNNER_DATA_DIR=/var/lib/jobrunner"
            )
    try:
        folder.mkdir(parents=True, mode=0o700, exist_ok=True)
    except OSError as error:
        raise _unusable(folder, f"cannot be made ({error.strerror})") from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise _not_writable(folder)
    if account.borrowed and not account.enters(folder):
        # Root's stand-in may pass through, not list or write.
        os.chown(folder, -1, account.gid)
        folder.chmod(stat.S_IMODE(folder.stat().st_mode) | 0o010)


def refused(path: Path, error: OSError) -> DatabaseUnavailable:
    """Return the sentence about a file or folder of ours that the system refuses, with whose it is where that matters.

    `path` is what we were at; the error may name another.
    """
    where = Path(os.fsdecode(error.filename)) if isinstance(error.filename, str | bytes) else path
    reason = error.strerror or str(error)
    if error.errno in (errno.EACCES, errno.EPERM, errno.EEXIST):
        for place in (where, *where.parents):  # of what we may not even look at, the folder that hides it
            try:
                if place.stat().st_uid != os.geteuid():
                    reason += f"; {'it' if place == where else place} belongs to another account, {_owner(place)}"
                break
            except OSError:
                continue
    return DatabaseUnavailable(f"{where} cannot be used ({reason}): {ANOTHER}")


def _not_writable(folder: Path) -> DatabaseUnavailable:
    seen = folder.stat()
    if os.statvfs(folder).f_flag & os.ST_RDONLY:
        return _unusable(folder, "is on a file system that is read-only")
    if seen.st_uid != os.geteuid():
        return _unusable(folder, f"belongs to another account, {_owner(folder)}")
    mode = stat.S_IMODE(seen.st_mode)
    return _unusable(folder, f"cannot be written to by its owner (mode {mode:03o})", f"`chmod 700 {folder}` opens it")


def _unusable(folder: Path, reason: str, cure: str = ANOTHER) -> DatabaseUnavailable:
    verb = reason if reason.startswith(("is ", "belongs", "cannot")) else f"cannot be used ({reason})"
    return DatabaseUnavailable(f"the data folder {folder} {verb}: {cure}")


def _owner(path: Path) -> str:
    try:
        return path.owner()
    except KeyError:
        return f"number {path.stat().st_uid}"


def network_file_system(folder: Path, mounts: str) -> str | None:
    """Return the kind of network file system that holds `folder`, if any; `mounts` as in /proc/self/mountinfo."""
    path = folder.resolve()
    found, kind = Path("/"), ""
    for line in mounts.splitlines():
        place, _, source = line.partition(" - ")
        fields = place.split(" ")
        if len(fields) < 5 or not source:
            continue
        point = Path(re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), fields[4]))
        # The longest mount point rules; of two on one point the later lies on top.
        if path.is_relative_to(point) and len(point.parts) >= len(found.parts):
            found, kind = point, source.split(" ")[0]
    return kind if kind in NETWORK_FILE_SYSTEMS else None


def _mounts() -> str:
    try:
        return Path("/proc/self/mountinfo").read_text(errors="surrogateescape")
    except OSError:
        return ""  # not Linux; the locks themselves fail there


def choose_socket_folder(data: Path, account: ServerAccount) -> Path:
    """Return the folder for the server's socket: `data` itself, or a short one where its path would not do."""
    if _fits(data):
        return data
    mark = hashlib.sha256(os.fsencode(data)).hexdigest()[:12]
    bases = [Path("/run")] if os.geteuid() == 0 else [Path(os.environ.get("XDG_RUNTIME_DIR", ""))]
    for base in [*bases, Path(tempfile.gettempdir()), Path("/tmp")]:  # noqa: S108  made 0700 and checked
        folder = base / f"jobrunner-{account.uid}-{mark}"
        if base.is_absolute() and os.access(base, os.W_OK | os.X_OK) and _fits(folder):
            return _make_private(folder, account)
    raise DatabaseUnavailable(
        f"the path of {data} is too long for a socket, and no runtime folder can be written to:"
        " choose a shorter one with JOBRUNNER_DATA_DIR"
    )


def _fits(folder: Path) -> bool:
    """Short enough for a socket, and without letters that a list of folders or hosts would split at."""
    short = len(os.fsencode(folder / SOCKET_NAME)) <= LONGEST_SOCKET_PATH
    return short and re.fullmatch(r"[\w./+=@ -]+", str(folder)) is not None


def _make_private(folder: Path, account: ServerAccount) -> Path:
    try:
        folder.mkdir(mode=0o700)
        account.own(folder)
    except FileExistsError:
        pass
    seen = folder.lstat()
    if not stat.S_ISDIR(seen.st_mode) or seen.st_uid != account.uid or stat.S_IMODE(seen.st_mode) != 0o700:
        raise DatabaseUnavailable(
            f"{folder}, where the socket of PostgreSQL would go, is not a folder that only {account.name} can"
            " enter: remove it, or choose a data folder with a shorter path with JOBRUNNER_DATA_DIR"
        )
    return folder

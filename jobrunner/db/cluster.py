"""The data of an embedded PostgreSQL: made once, whole or not at all, and who is let in."""

import os
import shutil
import subprocess
from pathlib import Path

from jobrunner.db.server_account import ServerAccount
from jobrunner.errors import DatabaseUnavailable, LimitExceeded

USER = "jobrunner"
INITDB_LIMIT = 60.0
"""Seconds."""

TUNING = """
# Added by jobrunner: a modest server that shares its machine. Change it as you like.
shared_buffers = 128MB
max_connections = 200
timezone = 'UTC'
log_timezone = 'UTC'
log_line_prefix = '%m [%p] '
"""


def environment() -> dict[str, str]:
    """What PostgreSQL's programs need, and nothing of ours (PGDATA and the like would change what they do)."""
    return {"PATH": os.defpath, "LC_ALL": "C", "TZ": "UTC"}


def major_version(data: Path) -> int | None:
    """Return that of the PostgreSQL that the data belong to; None where there are none.

    Raises:
        DatabaseUnavailable: the data are damaged.
    """
    try:
        return int((data / "PG_VERSION").read_text())
    except FileNotFoundError:
        return None
    except ValueError:
        raise DatabaseUnavailable(
            f"{data / 'PG_VERSION'} names no version of PostgreSQL: the data are damaged; restore them from"
            " a backup, or choose another data folder with JOBRUNNER_DATA_DIR"
        ) from None


def make_data(data: Path, account: ServerAccount, programs: Path, *, sync: bool) -> None:
    """Make the data in a folder beside, then rename it: there are never half-made data. Blocks (initdb).

    Args:
        data: their folder, which is not there or empty.
        account: whose they are to be.
        programs: the folder of initdb.
        sync: whether they are on the disk when this returns.

    Raises:
        DatabaseUnavailable: something else is in the folder, or initdb refuses.
        LimitExceeded: initdb takes too long.
    """
    if data.exists() and any(data.iterdir()):
        raise DatabaseUnavailable(
            f"{data} holds something else than the data of PostgreSQL: move it away,"
            " or choose another data folder with JOBRUNNER_DATA_DIR"
        )
    new = data.with_name("data.new")
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(mode=0o700)
    account.own(new)
    command: list[str | Path] = [
        programs / "initdb",
        "-D",
        new,
        "-U",
        USER,
        "-E",
        "UTF8",
        "--data-checksums",
        "--auth=peer",
    ]
    if not sync:
        command.append("--no-sync")
    for locale in ("C.UTF-8", "C"):  # the second where the system has no C.UTF-8
        try:
            done = account.run(*command, f"--locale={locale}", env=environment(), timeout=INITDB_LIMIT)
        except subprocess.TimeoutExpired:
            shutil.rmtree(new, ignore_errors=True)
            raise LimitExceeded(
                f"initdb in {data.parent} took over {INITDB_LIMIT:g} s (limit of making the data): is the disk"
                " slow or full?"
            ) from None
        if done.returncode == 0 or "locale" not in done.stderr:
            break
    if done.returncode != 0:
        shutil.rmtree(new, ignore_errors=True)
        reason = (done.stderr.strip().splitlines() or [f"initdb ended with {done.returncode}"])[-1]
        raise DatabaseUnavailable(f"PostgreSQL could not make its data in {data.parent}: {reason}")
    with (new / "postgresql.conf").open("a") as file:
        file.write(TUNING)
    new.rename(data)


def write_access_rules(data: Path, account: ServerAccount) -> None:
    """Let in the server's own account and root (who could become it anyway), known by the socket."""
    names = dict.fromkeys(["root", account.name])
    for name, lines in {
        "pg_hba.conf": [f"local {what} all peer map={USER}" for what in ("all", "replication")],
        "pg_ident.conf": [f'{USER} "{name}" {USER}' for name in names],
    }.items():
        (data / name).write_text("\n".join(["# Written by jobrunner at each start.", *lines, ""]))

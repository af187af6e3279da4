"""Keys in a file: one a line in base64, the current one first, then former ones; `#` begins a comment.

A file is always whole: it is written beside its place, forced to the disk, and then put there in one step. Of two
starters that make it at once one wins, and both read what that one wrote.
"""

import os
import secrets
import stat
from collections.abc import Sequence
from pathlib import Path

from jobrunner.db.secrets.key import Key
from jobrunner.errors import ConfigurationError

NAME = "secret.key"
"""Its name in the data folder of the embedded server."""
LARGEST = 65536
HEADER = """\
# Keys by which jobrunner seals passwords in its database: the current one first, then former ones.
# Without this file the passwords cannot be read. Keep a copy apart from the copies of the database.
"""


def read_keys(path: Path) -> list[Key] | None:
    """Return the keys of a file in their order, or None where there is no file.

    Raises:
        ConfigurationError: it cannot be read, others than its owner may read it, or it holds what is no key.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise ConfigurationError(f"the key file {path} cannot be read ({error.strerror})") from None
    seen = os.fstat(descriptor)
    if not stat.S_ISREG(seen.st_mode):
        os.close(descriptor)
        raise ConfigurationError(f"the key file {path} is not a file")
    with open(descriptor, "rb") as file:
        if seen.st_mode & (stat.S_IROTH | stat.S_IWOTH | stat.S_IWGRP):
            raise ConfigurationError(
                f"the key file {path} may be read by everybody or written by others: `chmod 600 {path}`, and if "
                "somebody may have read it, rotate the key"
            )
        text = file.read(LARGEST).decode("ascii", errors="replace")
    lines = [line.partition("#")[0].strip() for line in text.splitlines()]
    keys = [Key.parse(line, f"line {number} of the key file {path}") for number, line in enumerate(lines, 1) if line]
    if not keys:
        raise ConfigurationError(f"the key file {path} holds no key: `jobrunner secrets new-key` makes one")
    return keys


def make_key_file(path: Path) -> list[Key]:
    """Make a file with one new key, unless somebody else does so first; return the keys that are in it.

    Raises:
        ConfigurationError: it cannot be written.
    """
    try:
        temporary = _write_beside(path, [Key.new()])
        try:
            os.link(temporary, path)  # unlike a rename it does not replace what came first
        except FileExistsError:
            pass
        finally:
            temporary.unlink(missing_ok=True)
        _force(path.parent)
    except OSError as error:
        raise ConfigurationError(f"the key file {path} cannot be made ({error.strerror})") from None
    keys = read_keys(path)
    assert keys is not None
    return keys


def replace_key_file(path: Path, keys: Sequence[Key]) -> None:
    """Put a file with these keys in place of the one that is there, in one step.

    Raises:
        ConfigurationError: it cannot be written.
    """
    try:
        temporary = _write_beside(path, keys)
        os.replace(temporary, path)
        _force(path.parent)
    except OSError as error:
        raise ConfigurationError(f"the key file {path} cannot be written ({error.strerror})") from None


def _write_beside(path: Path, keys: Sequence[Key]) -> Path:
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        with open(descriptor, "w", encoding="ascii") as file:
            file.write(HEADER + "".join(f"{key.text}\n" for key in keys))
            file.flush()
            os.fsync(descriptor)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return temporary


def _force(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)

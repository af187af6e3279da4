"""Whether the key is there by which what stands in the database was sealed, before a new one takes its place."""

import shlex

from jobrunner.db.queryable import Queryable
from jobrunner.db.secrets.keyring import Keyring, key_of
from jobrunner.db.sql import load
from jobrunner.errors import ConfigurationError

LIST_SEALED = load(__package__, "list_sealed")


async def check_key_file(connection: Queryable, keyring: Keyring) -> None:
    """See that the key file can be used; that of the embedded server may be missing while nothing is sealed.

    Raises:
        ConfigurationError: it cannot be read, holds no key, or is gone while values are sealed that only it opens.
    """
    if keyring.file is None or keyring.keys_of_file() is not None:
        return
    if not keyring.own_file:
        keyring.current  # noqa: B018  says that it is not there
    known = {key.id for key in keyring.keys}
    lost = [row for row in await connection.fetch(LIST_SEALED) if key_of(row["sealed"]) not in known]
    if lost:
        anew = f"(umask 077; jobrunner secrets new-key >{shlex.quote(str(keyring.file))})"
        raise ConfigurationError(
            f"the key file {keyring.file} is gone, and nothing else opens {_counted(len(lost))} in the database: put "
            f"it back from your copy; if there is none, `{anew}` begins with a new key, and what is lost is entered "
            "anew (`jobrunner smtp-account edit NAME --ask-password`; docs/smtp-accounts.md, Keys)"
        )


def _counted(number: int) -> str:
    return f"{number:,} sealed password or key" if number == 1 else f"{number:,} sealed passwords and keys"

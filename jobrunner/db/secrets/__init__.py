"""Secrets at rest: passwords and keys that stand in the database, where only a key from outside it opens them.

A sealed value is `v1:<key id>:<base64>`: AES-256-GCM with a random nonce. The key's id stands in it, so that it is
known which key opens it, and several may be in use while one takes the place of another. The place where it belongs,
such as `smtp_account/12/password`, is bound to it: put into another row or column it opens no more. Columns that hold
such values are of the type `jobrunner.sealed`, which refuses clear text; `rotate` finds them by that type.

The keys come from the configuration (`JOBRUNNER_SECRET_KEY`, or a file), or with the embedded server from a file in its
data folder, which is made when the first secret is to be sealed. Where that file is gone though something is sealed,
neither daemon nor command goes on (`check_key_file`): a new key would open nothing. No error tells a secret.
"""

from jobrunner.db.secrets.key import Key
from jobrunner.db.secrets.keyring import Keyring, SecretUnreadable
from jobrunner.db.secrets.presence import check_key_file
from jobrunner.db.secrets.signing import (
    SigningKeys,
    check_signing_key,
    reading_keys,
    renew_signing_key,
    signing_keys,
)

__all__ = [
    "Key",
    "Keyring",
    "SecretUnreadable",
    "SigningKeys",
    "check_key_file",
    "check_signing_key",
    "reading_keys",
    "renew_signing_key",
    "signing_keys",
]

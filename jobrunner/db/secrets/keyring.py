"""The keys that this installation has, and what they seal and open."""

from collections.abc import Sequence
from pathlib import Path

from pydantic import SecretStr

from jobrunner.config import Configuration
from jobrunner.config.secret_key import several
from jobrunner.db.secrets.key import SEALED, Key, Unsealable
from jobrunner.db.secrets.key_file import NAME, make_key_file, read_keys
from jobrunner.db.secrets.opened import remember_opened
from jobrunner.errors import ConfigurationError, JobrunnerError

NO_KEY = (
    "passwords are kept in the database only sealed, and there is no key for that: set JOBRUNNER_SECRET_KEY "
    "(`jobrunner secrets new-key` makes one) for every daemon and command that uses this database"
)


class SecretUnreadable(JobrunnerError):
    """A sealed value cannot be opened: its key is not at hand, or it is damaged or stands where it was not put."""


class Keyring:
    """Seals with the current key, opens with any. A key file is read when it is needed, and again when it changed.

    So a process that runs on opens what another one has re-sealed since, and seals with the key that is the current one
    now. Made without a key, it works until there is something to seal or to open.
    """

    def __init__(self, keys: Sequence[Key] = (), *, file: Path | None = None, own_file: bool = False) -> None:
        """`keys`: the current one and former ones; or `file`, which is made if it is `own_file` and not there."""
        self.file = file
        self.own_file = own_file
        self._given = tuple(keys)
        self._keys: tuple[Key, ...] = self._given

    @classmethod
    def from_configuration(cls, configuration: Configuration) -> "Keyring":
        """Return the keyring that the configuration means; with the embedded server a file in its data folder.

        Raises:
            ConfigurationError: a key is none.
        """
        former = _former(configuration.secret_keys_former)
        if configuration.secret_key is not None:
            return cls([Key.parse(configuration.secret_key.get_secret_value(), "JOBRUNNER_SECRET_KEY"), *former])
        if configuration.secret_key_file is not None:
            return cls(former, file=configuration.secret_key_file)
        if configuration.database_url is None:
            return cls(former, file=configuration.data_dir / NAME, own_file=True)
        return cls(former)

    @property
    def keys(self) -> tuple[Key, ...]:
        """The current key and the former ones; none where no key is at hand.

        Raises:
            ConfigurationError: the key file cannot be used.
        """
        if self.file is not None:
            self._keys = (*(self.keys_of_file() or ()), *self._given)
        return self._keys

    @property
    def current(self) -> Key:
        """The key that seals. With the embedded server it is made at its first use.

        Raises:
            ConfigurationError: there is none.
        """
        if self.own_file and self.keys_of_file() is None:
            assert self.file is not None
            make_key_file(self.file)
        if self.file is not None:
            if keys := self.keys_of_file():
                return keys[0]
            raise ConfigurationError(
                f"the key file {self.file} (JOBRUNNER_SECRET_KEY_FILE) is not there: "
                "`jobrunner secrets new-key` prints a key for it"
            )
        if not self._given:
            raise ConfigurationError(NO_KEY)
        return self._given[0]

    def keys_of_file(self) -> list[Key] | None:
        """Return the keys that are in the key file now; None where there is no file."""
        return None if self.file is None else read_keys(self.file)

    def seal(self, secret: str, *, place: str) -> str:
        """Return the secret sealed for one place (`smtp_account/12/password`), where alone it opens again.

        Raises:
            ConfigurationError: there is no key.
        """
        sealed = self.current.seal(secret, place)
        remember_opened(secret)
        return sealed

    def open(self, sealed: str, *, place: str) -> SecretStr:
        """Return what was sealed for this place.

        Raises:
            SecretUnreadable: no key at hand opens it there. The sentence names the place, and nothing secret.
        """
        match = SEALED.fullmatch(sealed)
        if match is None:
            raise SecretUnreadable(f"the secret at {place} cannot be read: it is cut off or was never sealed; {ANEW}")
        if (key := self._find(match[1])) is None:
            known = ", ".join(key.id for key in self._keys)
            place_of_key = "JOBRUNNER_SECRET_KEYS_FORMER" if known else "JOBRUNNER_SECRET_KEY"
            raise SecretUnreadable(
                f"the secret at {place} cannot be read: it was sealed with the key {match[1]}, and "
                + (f"at hand is only {known}" if known else "none is at hand")
                + f"; put that key into {place_of_key}, or {ANEW}"
            )
        try:
            secret = key.open(sealed, place)
        except Unsealable:
            raise SecretUnreadable(
                f"the secret at {place} cannot be read: it is damaged, or was sealed for another place; {ANEW}"
            ) from None
        remember_opened(secret)
        return SecretStr(secret)

    def _find(self, id: str) -> Key | None:
        for keys in (self._keys, self.keys):  # the file is read anew only if that is of use
            for key in keys:
                if key.id == id:
                    return key
        return None


ANEW = "enter it anew"


def key_of(sealed: str) -> str | None:
    """Return the id of the key that a text was sealed with; None where it was not."""
    match = SEALED.fullmatch(sealed)
    return match[1] if match else None


def _former(texts: SecretStr | None) -> list[Key]:
    if texts is None:
        return []
    return [Key.parse(text, "each of JOBRUNNER_SECRET_KEYS_FORMER") for text in several(texts.get_secret_value())]

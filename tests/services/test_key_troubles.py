"""Secrets that cannot be opened here are said by `jobrunner status`."""

from pathlib import Path
from typing import Any

from pydantic import SecretStr

from jobrunner.config import Configuration, load
from jobrunner.db.secrets import Key, Keyring, renew_signing_key, signing_keys
from jobrunner.queue.overview import overview
from jobrunner.services.key_troubles import list_key_troubles
from jobrunner.services.mail.accounts.entry import AccountEntry
from jobrunner.services.mail.accounts.table import add_account, edit_account
from jobrunner.services.massmail.tokens import PURPOSE as LINKS


async def account(connection: Any, keyring: Keyring, name: str) -> None:
    entry = AccountEntry(
        name, "Group", "mail.example.com", "a@example.com", username="a", secrets={"password": PASSWORD}
    )
    await add_account(connection, keyring, entry)


PASSWORD = SecretStr("canary-3f1c")


async def test_what_is_sealed_with_a_key_that_is_not_at_hand(connection: Any, database_url: str, tmp_path: Path):
    here, elsewhere = Key.new(), Key.new()
    configuration = load(database_url=database_url, secret_key=here.text)
    keyless = load(database_url=database_url)

    async def told(one: Configuration) -> list[str]:
        return await list_key_troubles(connection, one)

    assert await told(keyless) == [], "nothing is sealed: no key is missed"
    await account(connection, Keyring([elsewhere]), "one")
    await account(connection, Keyring([elsewhere]), "two")
    await account(connection, Keyring([here]), "three")
    (sentence,) = await told(configuration)
    assert sentence.startswith("2 passwords and keys in the database cannot be read by what is configured here")
    assert f"sealed with the key {elsewhere.id}, and at hand is only {here.id}; put that key into JOBRUNNER" in sentence
    assert sentence in [one.sentence for one in (await overview(connection, configuration)).exceptions]
    assert len(await told(keyless)) == 2
    assert all(
        "none is at hand; put that key into JOBRUNNER_SECRET_KEY," in sentence for sentence in await told(keyless)
    )
    (sentence,) = await told(load(database_url=database_url, secret_key_file=tmp_path))
    assert sentence.startswith("3 passwords")
    assert "is not a file" in sentence

    for name in ("one", "two"):
        await edit_account(connection, Keyring([here]), name, {"password": PASSWORD})
    assert await told(configuration) == []


async def test_of_keys_that_sign_the_one_that_does_so_now_is_looked_at(connection: Any, database_url: str):
    here, elsewhere = Key.new(), Key.new()
    configuration = load(database_url=database_url, secret_key=here.text)
    await signing_keys(connection, Keyring([elsewhere]), LINKS)
    assert await list_key_troubles(connection, configuration) == [], "mass mail tells of that"
    await signing_keys(connection, Keyring([elsewhere]), "popups")
    assert len(await list_key_troubles(connection, configuration)) == 1
    await renew_signing_key(connection, Keyring([here]), "popups")
    assert await list_key_troubles(connection, configuration) == []

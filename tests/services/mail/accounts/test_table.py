"""Accounts as they are entered, changed, loaded and removed."""

from contextlib import nullcontext
from datetime import timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from pydantic import SecretStr

from jobrunner.config import Configuration
from jobrunner.db.secrets import Key, Keyring, SecretUnreadable
from jobrunner.db.secrets.rotation import rotate
from jobrunner.errors import ConfigurationError, Conflict, InvalidInput, NotFound
from jobrunner.services.mail.accounts import load_account, pause
from jobrunner.services.mail.accounts.entry import AccountEntry
from jobrunner.services.mail.accounts.limits import Limits
from jobrunner.services.mail.accounts.loading import system_account
from jobrunner.services.mail.accounts.state import read_states
from jobrunner.services.mail.accounts.table import (
    add_account,
    edit_account,
    find_account,
    list_accounts,
    remove_account,
)
from jobrunner.services.mail.accounts.tokens import RowStore
from tests.services.mail.accounts.books import KEYRING, PASSWORD, entry

OTHER = SecretStr("another")
RSA_768 = """\
-----BEGIN PRIVATE KEY-----
MIIB5AIBADANBgkqhkiG9w0BAQEFAASCAc4wggHKAgEAAmEArtB1cDqLLh2G1oG4
oWiP6OjrTsNLFWcQ2ZEKLyOoRbWTlllLU6jSC5gY9kTPjXSkc48Zvqc6ocSaUxSz
qTsUEVlFYgZoi2SCTcFkS/WhR/IVDNfTjvYkglPBE+SKYEFFAgMBAAECYADMLKz9
Z2MneVUDNH9wBbAPV/t9ApuvY7FKaxx58iuXP3whHincjFDHOd3txHClxpRdzMcB
I7N8VjbEFIKkRhNbtXZ4CC3QBMLzXgDdGtImVGF+Y3tn3eRmI81/4M+kpQIxANyI
F/Sxv3bgh1SGWf7qlSBJyZ6Oq6MwjK+Qcq96NidSE0DtVq/3PDPqvW+mjNDDBwIx
AMruDfFqLLghHuSeYZvxs3vyhr3oMzGqelpxMnvaua3EXmqCDb4pdjSyeT98OedK
UwIxALwOWc9SG+F1ijGr9+aHh+9mvMW3B+o7Jl04InQ9FRzmwoBlY7zeaboj/LLP
JdmH1QIwQ2l/ckIuJuDBzXqbvF03naY8gpu/XfFfAep2tdQ8OHByWPlpLVHCtdDQ
HHndFmuHAjA6rJUHTNHPacf9SRL8Cm3/YFQhpCoFLtfKJjwG4l+mGXwSb+JtLN5e
GAoZE8ObgVs=
-----END PRIVATE KEY-----
"""
"""Made for this test; too short to sign anything that somebody would believe."""


def pem(key: Any) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


@pytest.fixture(scope="module")
def rsa_key() -> SecretStr:
    return SecretStr(pem(rsa.generate_private_key(public_exponent=65537, key_size=2048)))


@pytest.fixture(scope="module")
def ed25519_key() -> SecretStr:
    return SecretStr(pem(ed25519.Ed25519PrivateKey.generate()))


async def test_what_is_entered_is_what_sends(connection: Any, rsa_key: SecretStr, ed25519_key: SecretStr) -> None:
    given = entry(
        port=465,
        security="ssl",
        local_hostname="app.example.org",
        login="cram-md5",
        from_name="The News",
        reply_to_address="answers@Example.org",
        for_mass_mail=True,
        is_shared=True,
        rate_per_minute=10,
        rate_per_hour=100,
        domain_rate_per_minute=5,
        domain_rate_per_hour=50,
        domain_concurrency=3,
        max_connections=8,
        messages_per_connection=20,
        idle_close=12.5,
        uncertain_policy="retry",
        dkim_domain="example.org",
        dkim_selector="s1",
        dkim_second_selector="s2",
        secrets={"password": SecretStr(PASSWORD), "dkim_key": rsa_key, "dkim_second_key": ed25519_key},
    )
    added = await add_account(connection, KEYRING, given)
    account = await load_account(connection, KEYRING, added.key)
    assert (account.key, account.name, account.kind) == (added.key, "news", "Group")
    smtp = account.smtp
    assert (smtp.host, smtp.port, smtp.security, smtp.username) == ("mail.example.org", 465, "ssl", "news")
    assert (smtp.local_hostname, smtp.mechanism, smtp.oauth) == ("app.example.org", "cram-md5", None)
    assert smtp.password == SecretStr(PASSWORD)
    assert (str(account.sender.address), account.sender.name) == ("news@example.org", "The News")
    assert str(account.reply_to) == "answers@example.org"
    assert (account.for_mass_mail, account.is_shared, account.uncertain_policy) == (True, True, "retry")
    assert account.limits == Limits(10, 100, 5, 50, 3, 8, 20, 12.5)
    assert account.signer is not None
    assert account.signer.domain == "example.org"
    assert [key.algorithm for key in account.signer.keys] == ["rsa-sha256", "ed25519-sha256"]
    assert account == await load_account(connection, KEYRING, added.key), "equal, so that they share connections"
    assert PASSWORD not in repr(account)
    assert "PRIVATE" not in repr(account)


async def test_a_login_by_tokens(connection: Any) -> None:
    given = entry(
        login="xoauth2",
        oauth_token_url="https://login.example.org/token",
        oauth_client_id="app",
        oauth_scope="smtp",
        secrets={"oauth_refresh_token": SecretStr("canary-refresh"), "oauth_client_secret": OTHER},
    )
    key = (await add_account(connection, KEYRING, given)).key
    account = await load_account(connection, KEYRING, key)
    oauth = account.smtp.oauth
    assert oauth is not None
    assert (oauth.token_url, oauth.client_id, oauth.scope) == ("https://login.example.org/token", "app", "smtp")
    assert (oauth.refresh_token, oauth.client_secret) == (SecretStr("canary-refresh"), OTHER)
    # A token that the provider gave in its place is kept, unless somebody entered another meanwhile.
    store = RowStore("smtp_account", int(key), KEYRING, lambda: nullcontext(connection))
    assert await store.keep(oauth.refresh_token, SecretStr("second"))
    assert not await store.keep(oauth.refresh_token, SecretStr("third"))
    again = (await load_account(connection, KEYRING, key)).smtp.oauth
    assert again is not None
    assert again.refresh_token == SecretStr("second")


async def test_what_is_stored_is_sealed_and_bound_to_its_row(connection: Any) -> None:
    """H22: nothing readable in the table; swapped between two rows it opens no more."""
    one = await add_account(connection, KEYRING, entry())
    two = await add_account(connection, KEYRING, entry(name="other", secrets={"password": OTHER}))
    for row in await connection.fetch("SELECT a::text FROM jobrunner.smtp_account AS a"):
        assert PASSWORD not in row[0]
    await connection.execute(
        "UPDATE jobrunner.smtp_account AS a SET password = o.password FROM jobrunner.smtp_account AS o"
        " WHERE o.id <> a.id"
    )
    for account in (one, two):
        with pytest.raises(SecretUnreadable, match=f"smtp_account/{account.id}/password cannot be read") as refusal:
            await load_account(connection, KEYRING, account.key)
        assert PASSWORD not in str(refusal.value)
    with pytest.raises(SecretUnreadable, match="it was sealed with the key"):
        await load_account(connection, Keyring([Key.new()]), one.key)


async def test_without_a_key_a_password_is_not_stored(connection: Any) -> None:
    with pytest.raises(ConfigurationError, match="JOBRUNNER_SECRET_KEY"):
        await add_account(connection, Keyring(), entry())
    assert await list_accounts(connection) == []
    await add_account(connection, Keyring(), entry(username=None, secrets={}))


async def test_an_edit_changes_what_is_given(connection: Any) -> None:
    added = await add_account(connection, KEYRING, entry(rate_per_hour=5))
    before, after = await edit_account(connection, KEYRING, "news", {"rate_per_hour": None, "from_name": "News"})
    assert before == added
    assert (after.rate_per_hour, after.from_name, after.username) == (None, "News", "news")
    assert after.modified_at > before.modified_at
    assert (await load_account(connection, KEYRING, added.key)).smtp.password == SecretStr(PASSWORD)
    await edit_account(connection, KEYRING, added.key, {"password": OTHER})
    assert (await load_account(connection, KEYRING, added.key)).smtp.password == OTHER
    _, after = await edit_account(connection, KEYRING, added.key, {"username": None, "password": None})
    assert after.secrets == ()


async def test_an_edit_meets_a_rotation(connection: Any) -> None:
    """A secret that is not edited is left alone, so that one resealed meanwhile is not put back."""
    added = await add_account(connection, KEYRING, entry())
    new = Key.new()
    await rotate(connection, Keyring([new, KEYRING.current]))
    await edit_account(connection, KEYRING, added.key, {"from_name": "News"})
    assert (await load_account(connection, Keyring([new]), added.key)).smtp.password == SecretStr(PASSWORD)


async def test_two_edits_at_once(connection: Any) -> None:
    await add_account(connection, KEYRING, entry())

    class Meddler:
        """A connection behind which somebody else edits after we have looked."""

        async def fetch(self, statement: str, *arguments: Any) -> list[Any]:
            rows: list[Any] = await connection.fetch(statement, *arguments)
            if "ORDER BY a.id" in statement:
                await edit_account(connection, KEYRING, "news", {"rate_per_hour": 7})
            return rows

    with pytest.raises(Conflict, match="changed or removed by somebody else"):
        await edit_account(Meddler(), KEYRING, "news", {"rate_per_hour": 8})
    assert (await find_account(connection, "news")).rate_per_hour == 7


async def test_an_edit_of_how_it_connects_ends_a_pause(connection: Any) -> None:
    added = await add_account(connection, KEYRING, entry())
    await pause(connection, added.key, "authentication", "535")
    await edit_account(connection, KEYRING, added.key, {"from_name": "News"})
    assert (await read_states(connection))[added.key].held
    await edit_account(connection, KEYRING, added.key, {"password": SecretStr(PASSWORD)})
    assert not (await read_states(connection))[added.key].held
    await pause(connection, added.key, "person", "away")
    await edit_account(connection, KEYRING, added.key, {"password": OTHER})
    assert (await read_states(connection))[added.key].held


async def test_the_system_account_is_a_row_or_the_configuration_s(connection: Any) -> None:
    with pytest.raises(NotFound, match="JOBRUNNER_SMTP__HOST"):
        await load_account(connection, KEYRING, "system")
    configuration = Configuration(
        smtp={"host": "configured.example.org", "from_address": "crm@example.org", "from_name": "CRM"}
    )
    account = await load_account(connection, KEYRING, "system", configuration=configuration)
    assert (account.key, account.smtp.host, account.sender.name) == ("system", "configured.example.org", "CRM")
    with pytest.raises(ConfigurationError, match="JOBRUNNER_SMTP__FROM_ADDRESS: 'crm' is no address"):
        system_account(Configuration(smtp={"host": "mail.example.org", "from_address": "crm"}))
    added = await add_account(connection, KEYRING, entry(name="ours", kind="System"))
    account = await load_account(connection, KEYRING, "system", configuration=configuration)
    assert (account.key, account.smtp.host) == (added.key, "mail.example.org")
    with pytest.raises(Conflict, match="a system account already"):
        await add_account(connection, KEYRING, entry(name="second", kind="System"))


async def test_names_are_found_and_unique(connection: Any) -> None:
    added = await add_account(connection, KEYRING, entry())
    assert await find_account(connection, "news") == await find_account(connection, added.key) == added
    with pytest.raises(NotFound, match="did you mean news"):
        await find_account(connection, "newz")
    with pytest.raises(Conflict, match="of that name already"):
        await add_account(connection, KEYRING, entry())
    with pytest.raises(NotFound):
        await load_account(connection, KEYRING, "news'; --")


async def test_one_that_is_not_active_is_loaded_only_to_be_tested(connection: Any) -> None:
    added = await add_account(connection, KEYRING, entry(status="Inactive"))
    with pytest.raises(Conflict, match="--status Active"):
        await load_account(connection, KEYRING, added.key)
    assert (await load_account(connection, KEYRING, added.key, even_inactive=True)).name == "news"


async def test_removed_is_removed(connection: Any) -> None:
    await add_account(connection, KEYRING, entry())
    assert (await remove_account(connection, "news")).name == "news"
    assert await list_accounts(connection) == []


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"name": "12"}, "ids are numbers"),
        ({"name": "System"}, "the system account"),
        ({"name": " news"}, "in one line"),
        ({"name": "a\x1b[2J"}, "in one line"),
        ({"kind": "Personal"}, "give the user's id"),
        ({"user_id": "7"}, "leave the user's id out"),
        ({"kind": "Team"}, "the kind must be System, Group or Personal, got 'Team'"),
        ({"host": "smtp://mail"}, "without scheme"),
        ({"host": "mail example"}, "or an address"),
        ({"host": "mail..example"}, "or an address"),
        ({"port": 0}, "the port must be from 1 to 65535, got 0"),
        ({"local_hostname": "app"}, "a full domain name"),
        ({"security": "none"}, "no password goes in clear"),
        ({"username": "a\nb"}, "must be one line"),
        ({"secrets": {}}, "a login needs a password"),
        ({"username": None}, "a login needs the username"),
        ({"secrets": {"password": SecretStr("")}}, "the password must not be empty"),
        ({"secrets": {"password": SecretStr("a\0b")}}, "must not hold a NUL"),
        ({"login": "digest"}, "the login must be"),
        ({"login": "xoauth2"}, "needs the token URL"),
        (
            {
                "login": "xoauth2",
                "oauth_token_url": "http://login.example.org",
                "oauth_client_id": "x",
                "secrets": {"oauth_refresh_token": OTHER},
            },
            "must begin with https",
        ),
        ({"secrets": {"password": OTHER, "oauth_refresh_token": OTHER}}, "must be xoauth2"),
        ({"from_address": "news"}, "has no @"),
        ({"reply_to_address": "a@b@c"}, "more than one @"),
        ({"rate_per_hour": 0}, "the rate per hour must be from 1"),
        ({"idle_close": 1e9}, "the idle close must be from 0 to 3600"),
        ({"dkim_domain": "example.org"}, "domain, selector and key together"),
    ],
)
async def test_what_cannot_be_right_is_refused(connection: Any, values: dict[str, Any], sentence: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        await add_account(connection, KEYRING, entry(**values))
    assert sentence in str(refusal.value)
    assert PASSWORD not in str(refusal.value)
    assert await list_accounts(connection) == []


async def test_a_dkim_key_is_checked_at_entry(connection: Any, rsa_key: SecretStr) -> None:
    def signed(key: SecretStr, **values: Any) -> AccountEntry:
        given = {"dkim_domain": "example.org", "dkim_selector": "s1", **values}
        return entry(secrets={"password": OTHER, "dkim_key": key}, **given)

    for given, sentence in (
        (signed(SecretStr("no key")), "no private key in PEM form"),
        (signed(SecretStr(RSA_768)), "has 768 bits"),
        (signed(rsa_key, dkim_domain="example.net"), "must be that of the sender"),
        (signed(rsa_key, dkim_domain="mail.example.org"), "must be that of the sender"),
        (signed(rsa_key, dkim_selector="a b"), "selector must be a name"),
    ):
        with pytest.raises(InvalidInput, match=sentence):
            await add_account(connection, KEYRING, given)
    await add_account(connection, KEYRING, signed(rsa_key, from_address="x@mail.example.org"))


async def test_the_table_refuses_what_sql_would_put_in(connection: Any) -> None:
    """Whoever writes by SQL meets the same rules."""
    added = await add_account(connection, KEYRING, entry())
    for change in (
        "kind = 'Personal'",
        "password = 'clear'",
        "username = NULL",
        "login = 'xoauth2'",
        "dkim_domain = 'example.org'",
        "from_address = 'x'",
        "name = '12'",
        "idle_close = '2 days'",
    ):
        with pytest.raises(Exception, match="violates check constraint"):
            await connection.execute(f"UPDATE jobrunner.smtp_account SET {change}")
    assert await find_account(connection, added.key) == added
    assert added.created_at - added.modified_at == timedelta()

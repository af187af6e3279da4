"""An account as it is used: where to connect, as whom, how fast, and from whom its mails are."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

from pydantic import SecretStr

from jobrunner.config import Configuration
from jobrunner.db.queryable import Queryable
from jobrunner.db.secrets import Keyring
from jobrunner.db.sql import load
from jobrunner.errors import ConfigurationError, Conflict, InvalidInput, NotFound
from jobrunner.services.mail.accounts.limits import Limits
from jobrunner.services.mail.address import Address, Mailbox, parse_address
from jobrunner.services.mail.composing.dkim.key import read_key
from jobrunner.services.mail.composing.dkim.signer import Signer
from jobrunner.services.mail.composing.text import one_line
from jobrunner.services.mail.oauth import OAuth
from jobrunner.services.mail.permit import Permit, place_of_url
from jobrunner.services.mail.settings import read_allowed_addresses
from jobrunner.services.mail.smtp import Account

FIND_ACCOUNT = load(__package__, "find_account")

NAME_LIMIT = 200
"""Characters of a sender's name."""

SYSTEM = "system"
"""The key of the system account, and in the tables of state that of the account of the configuration."""

UncertainPolicy = Literal["hold", "retry", "assume_sent"]


@dataclass(frozen=True)
class DkimKey:
    """One signature: the selector under which the public key stands in the DNS, and the private key."""

    selector: str
    key: SecretStr
    """PEM: RSA or ed25519."""


@dataclass(frozen=True)
class SendingAccount:
    """All that sending by an account needs. Equal ones are one account."""

    key: str
    """Its id as text, or `system`: for `reserve`, `pause` and the other functions of its state."""
    name: str
    kind: Literal["System", "Group", "Personal"]
    smtp: Account
    sender: Mailbox
    """Who its mails are from, where they do not say otherwise."""
    reply_to: Address | None = None
    for_mass_mail: bool = False
    is_shared: bool = False
    """Whether others than its owner may send by it."""
    stores_sent: bool = False
    """Whether its mails are stored in a Sent folder (`sent_copies`)."""
    user_id: str | None = None
    limits: Limits = field(default_factory=Limits)
    uncertain_policy: UncertainPolicy = "hold"
    dkim_domain: str | None = None
    dkim: tuple[DkimKey, ...] = ()
    """None for mails that are not signed here."""

    @cached_property
    def signer(self) -> Signer | None:
        """What signs its mails, or None. Reading the keys takes a moment, once.

        Raises:
            InvalidInput: a key cannot sign.
        """
        if self.dkim_domain is None or not self.dkim:
            return None
        return Signer(self.dkim_domain, [read_key(one.selector, one.key.get_secret_value()) for one in self.dkim])


async def load_account(
    connection: Queryable,
    keyring: Keyring,
    key: str,
    *,
    configuration: Configuration | None = None,
    even_inactive: bool = False,
) -> SendingAccount:
    """Return an account by its key: the id of its row as text, or `system`.

    Args:
        connection: whatever runs a statement.
        keyring: opens its password and keys.
        key: which account.
        configuration: where the system account is described if no row is of the kind System.
        even_inactive: also one that is not in use, to test it.

    Raises:
        NotFound: there is no such account, or no system account.
        Conflict: the account is not active.
        SecretUnreadable: its password or a key cannot be opened.
    """
    rows = await connection.fetch(FIND_ACCOUNT, key)
    if rows:
        if rows[0]["status"] != "Active" and not even_inactive:
            raise Conflict(
                f"the SMTP account {rows[0]['name']!r} is not active: `jobrunner smtp-account edit {rows[0]['id']} "
                "--status Active`"
            )
        return _from_row(rows[0], keyring)
    if key != SYSTEM:
        raise NotFound(f"there is no SMTP account {key[:100]!r}: `jobrunner smtp-account list` shows all")
    return system_account(configuration)


def system_account(configuration: Configuration | None) -> SendingAccount:
    """Return the account that the configuration describes.

    Raises:
        NotFound: it describes none.
        ConfigurationError: it names no sender, or one whose address is none.
    """
    smtp = None if configuration is None else Account.from_configuration(configuration.smtp)
    if configuration is None or smtp is None:
        raise NotFound(
            "there is no system account to send by: set JOBRUNNER_SMTP__HOST and JOBRUNNER_SMTP__FROM_ADDRESS, or "
            "`jobrunner smtp-account add NAME --kind System`"
        )
    if configuration.smtp.from_address is None:
        raise ConfigurationError("no sender is configured: set JOBRUNNER_SMTP__FROM_ADDRESS")
    try:
        address = parse_address(configuration.smtp.from_address)
    except InvalidInput as error:
        raise ConfigurationError(f"JOBRUNNER_SMTP__FROM_ADDRESS: {error}") from None
    sender = Mailbox(address, one_line(configuration.smtp.from_name, NAME_LIMIT))
    return SendingAccount(SYSTEM, SYSTEM, "System", smtp, sender)


def _from_row(row: Any, keyring: Keyring) -> SendingAccount:
    def opened(column: str) -> SecretStr | None:
        sealed = row[column]
        return None if sealed is None else keyring.open(sealed, place=place_of(row["id"], column))

    dkim = [
        DkimKey(row[selector], key)
        for selector, column in (("dkim_selector", "dkim_key"), ("dkim_second_selector", "dkim_second_key"))
        if (key := opened(column)) is not None
    ]
    reply_to = row["reply_to_address"]
    allowed = read_allowed_addresses(row["allowed_addresses"]) if row["guarded"] else None
    return SendingAccount(
        key=str(row["id"]),
        name=row["name"],
        kind=row["kind"],
        smtp=Account(
            host=row["host"],
            port=row["port"],
            security=row["security"],
            username=row["username"],
            password=opened("password"),
            local_hostname=row["local_hostname"],
            mechanism=None if row["login"] in ("auto", "xoauth2") else row["login"],
            oauth=oauth_of(row, opened, allowed) if row["login"] == "xoauth2" else None,
            permits=None if allowed is None else Permit(row["host"], allowed),
            row=row["name"],
        ),
        sender=Mailbox(parse_address(row["from_address"]), row["from_name"]),
        reply_to=None if reply_to is None else parse_address(reply_to),
        for_mass_mail=row["for_mass_mail"],
        is_shared=row["is_shared"],
        stores_sent=row["stores_sent"],
        user_id=row["user_id"],
        limits=Limits(
            rate_per_minute=row["rate_per_minute"],
            rate_per_hour=row["rate_per_hour"],
            domain_rate_per_minute=row["domain_rate_per_minute"],
            domain_rate_per_hour=row["domain_rate_per_hour"],
            domain_concurrency=row["domain_concurrency"],
            max_connections=row["max_connections"],
            messages_per_connection=row["messages_per_connection"],
            idle_close=row["idle_close"].total_seconds(),
        ),
        uncertain_policy=row["uncertain_policy"],
        dkim_domain=row["dkim_domain"],
        dkim=tuple(dkim),
    )


def oauth_of(row: Any, opened: Callable[[str], SecretStr | None], allowed: tuple[str, ...] | None) -> OAuth:
    """Return how the account of a row has access tokens; `allowed` is what a guarded account may be led to."""
    refresh_token = opened("oauth_refresh_token")
    assert refresh_token is not None  # a rule of the table
    return OAuth(
        token_url=row["oauth_token_url"],
        client_id=row["oauth_client_id"],
        refresh_token=refresh_token,
        client_secret=opened("oauth_client_secret"),
        scope=row["oauth_scope"],
        permits=None if allowed is None else Permit(place_of_url(row["oauth_token_url"])[0], allowed),
    )


def place_of(account_id: int, column: str) -> str:
    """Return what a secret of an account is bound to."""
    return f"smtp_account/{account_id}/{column}"

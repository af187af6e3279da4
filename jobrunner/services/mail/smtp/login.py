"""Logging in: one mechanism, once.

aiosmtplib's own `login` tries three mechanisms in turn, so that one wrong password counts as three.
"""

from base64 import b64encode

import aiosmtplib

from jobrunner.services.mail.oauth import TokenNotFetched, access_token, known_secrets
from jobrunner.services.mail.smtp.account import Account
from jobrunner.services.mail.smtp.dialogue import broken
from jobrunner.services.mail.smtp.outcome import Outcome, Phase

MECHANISMS = ("plain", "login", "cram-md5")
"""With a password; the first of these that a server offers is taken where none is configured."""


def choose_mechanism(account: Account, offered: list[str]) -> str:
    """Return how to log in: as configured, else the first of ours that the server offers.

    Raises:
        Ended: the server offers none of these.
    """
    wanted = ("xoauth2",) if account.oauth is not None else (account.mechanism,) if account.mechanism else MECHANISMS
    chosen = next((mechanism for mechanism in wanted if mechanism in offered), None)
    if chosen is not None:
        return chosen
    ways = ", ".join(way.upper() for way in wanted)
    if wanted is not MECHANISMS:
        others = ", ".join(sorted(way.upper() for way in offered)) or "no login at all"
        text = f"{account.place} offers no login by {ways}; it offers: {others}"
    else:
        remedy = account.remedy("username", None)
        text = f"{account.place} offers no login that we know ({ways}): {remedy} if it needs none"
    raise broken(Phase.LOGIN, text, Outcome.AUTHENTICATION)


async def fetch_token(account: Account) -> tuple[str, bool]:
    """Return an access token for XOAUTH2, and whether it is one kept from before.

    Raises:
        Ended: the provider gives none.
    """
    assert account.oauth is not None
    try:
        return await access_token(account.oauth)
    except TokenNotFetched as error:
        outcome = Outcome.AUTHENTICATION if error.refused else Outcome.CONNECTION
        raise broken(Phase.LOGIN, f"no login to {account.place}: {error}", outcome) from None


async def log_in(client: aiosmtplib.SMTP, account: Account, mechanism: str, token: str | None) -> None:
    """Log in by one mechanism; raises SMTPAuthenticationError where the server refuses."""
    username = account.username or ""
    password = _password(account)
    match mechanism:
        case "plain":
            await client.auth_plain(username, password)
        case "login":
            await client.auth_login(username, password)
        case "cram-md5":
            await client.auth_crammd5(username, password)
        case "xoauth2":
            await client.auth_xoauth2(username, token or "")


def without_secrets(text: str, account: Account, token: str | None = None) -> str:
    """Return a server's words without the password or token, should it have sent it back (failures H21)."""
    username, secrets = account.username or "", list[str]()
    if password := _password(account):
        secrets += [f"\0{username}\0{password}", password]
    if token:
        secrets += [f"user={username}\1auth=Bearer {token}\1\1", token]
    if account.oauth is not None:
        for known in known_secrets(account.oauth):
            secrets += [f"user={username}\1auth=Bearer {known}\1\1", known]
    for secret in secrets:
        text = text.replace(b64encode(secret.encode()).decode(), "***").replace(secret, "***")
    return text


def _password(account: Account) -> str:
    return account.password.get_secret_value() if account.password is not None else ""

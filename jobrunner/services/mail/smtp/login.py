"""Logging in: one mechanism, once; what was refused is not tried again for a while.

aiosmtplib's own `login` tries three mechanisms in turn, so that one wrong password counts as three, and a job that runs
every two minutes would have an account locked within the hour.
"""

import time
from base64 import b64encode

import aiosmtplib

from jobrunner.services.mail.smtp.account import Account
from jobrunner.services.mail.smtp.outcome import Result

MECHANISMS = ("plain", "login", "cram-md5")
PAUSE = 3600.0
"""Seconds for which a refused password is not tried again by this process."""

_refused: dict[Account, tuple[float, Result]] = {}


def refused_before(account: Account) -> Result | None:
    """Return how the server refused this login within the last hour, or None."""
    at, result = _refused.get(account, (0.0, None))
    if result is not None and time.monotonic() - at < PAUSE:
        return result
    _refused.pop(account, None)
    return None


def remember_refusal(account: Account, result: Result) -> None:
    """Keep that the login was refused for good (not: for the moment, by 4yz)."""
    _refused[account] = (time.monotonic(), result)


def choose_mechanism(offered: list[str]) -> str | None:
    """Return the first of ours that the server offers."""
    return next((mechanism for mechanism in MECHANISMS if mechanism in offered), None)


async def log_in(client: aiosmtplib.SMTP, account: Account, mechanism: str) -> None:
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


def without_secrets(text: str, account: Account) -> str:
    """Return a server's words without the password, should it have sent it back (failures H21)."""
    username, password = account.username or "", _password(account)
    if not password:
        return text
    plain = b64encode(f"\0{username}\0{password}".encode()).decode()
    for secret in (plain, b64encode(password.encode()).decode(), password):
        text = text.replace(secret, "***")
    return text


def _password(account: Account) -> str:
    return account.password.get_secret_value() if account.password is not None else ""

"""From an account to a mailbox that can be used."""

from jobrunner.services.mail.imap.account import Account
from jobrunner.services.mail.imap.fault import Fault, LineBroken, MailboxError, failure
from jobrunner.services.mail.imap.login import STEP, log_in, without_secrets
from jobrunner.services.mail.imap.mailbox import Mailbox
from jobrunner.services.mail.imap.opening import open_connection
from jobrunner.services.mail.imap.protocol import AUTH
from jobrunner.services.mail.imap.session import Session
from jobrunner.services.mail.oauth import OAuth, TokenNotFetched, access_token, forget_token


async def connect(account: Account) -> Mailbox:
    """Connect and log in.

    Raises:
        MailboxError: that was not possible; nothing is left open (nor when it is cancelled).
    """
    if account.oauth is None:
        return await _connect(account, None)
    token, kept = await _fetch_token(account)
    try:
        return await _connect(account, token)
    except MailboxError as error:
        if not _forgets(account.oauth, error) or not kept:
            raise
    # A kept token may have been withdrawn meanwhile: a new one is tried, once.
    token, _ = await _fetch_token(account)
    try:
        return await _connect(account, token)
    except MailboxError as error:
        _forgets(account.oauth, error)
        raise


def _forgets(oauth: OAuth, error: MailboxError) -> bool:
    """Let the next token be fetched, if it was this one that is refused."""
    if error.fault is not Fault.LOGIN:
        return False
    forget_token(oauth)
    return True


async def _fetch_token(account: Account) -> tuple[str, bool]:
    assert account.oauth is not None
    try:
        return await access_token(account.oauth)
    except TokenNotFetched as error:
        fault = Fault.LOGIN if error.refused else Fault.TOKEN
        raise failure(account, fault, STEP, str(error)) from None


async def _connect(account: Account, token: str | None) -> Session:
    protocol, capabilities = await open_connection(account)
    try:
        if protocol.state != AUTH:
            capabilities = await log_in(account, protocol, capabilities, token)
    except LineBroken as error:
        protocol.drop()
        raise failure(account, error.fault, STEP, without_secrets(error.words, account, token)) from None
    except BaseException:
        protocol.drop()
        raise
    return Session(account, protocol, capabilities, token)

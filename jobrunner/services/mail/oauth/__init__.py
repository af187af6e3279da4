"""Access tokens for XOAUTH2 and OAUTHBEARER, by the grant of a refresh token (RFC 6749, 6).

A token is kept until a minute before it runs out. Who needs one while it is being fetched waits for that one fetch,
and shares its failure too. Mail in and mail out go this one way.

Many providers replace the refresh token each time it is used, and the former one is good no more. So where an account
has a `Store`, its refresh token is used in turns, by one process at a time (`Store.turn`): whoever has the turn reads
the token as it is stored at that moment, asks the provider, and stores the new one before the access token that came
with it is used. A process that dies between the answer and that write leaves a token that the provider refuses; that is
told as such, and pauses the account.
"""

from jobrunner.services.mail.oauth.client import TURN_LIMIT, OAuth, Store
from jobrunner.services.mail.oauth.token_endpoint import TokenNotFetched
from jobrunner.services.mail.oauth.tokens import (
    LONGEST,
    access_token,
    forget_token,
    keeping,
    known_secrets,
    rotated_refresh_token,
    settled,
)

__all__ = [
    "LONGEST",
    "TURN_LIMIT",
    "OAuth",
    "Store",
    "TokenNotFetched",
    "access_token",
    "forget_token",
    "keeping",
    "known_secrets",
    "rotated_refresh_token",
    "settled",
]

"""What this process knows of grants: one for each account that logs in by tokens, however often its token is replaced.

A grant goes by the tokens that led to it: who still holds a former refresh token finds the same grant. Those that
nobody has used for hours are forgotten, so that a daemon that runs for a year holds no more than it needs.
"""

import asyncio
import time
from collections import deque
from dataclasses import dataclass, field, replace
from weakref import WeakKeyDictionary

from pydantic import SecretStr

from jobrunner.db.secrets.opened import remember_opened
from jobrunner.services.mail.oauth.client import OAuth, Store
from jobrunner.services.mail.oauth.token_endpoint import TokenNotFetched, Tokens

MARGIN = 60.0
"""Seconds before its end from which on an access token is not used any more."""
REMEMBERED = 4
"""Tokens of one grant that are known: the current one and those before it."""
IDLE = 2 * 3600.0
"""Seconds after which a grant is forgotten that nobody uses."""
IDLE_UNSAVED = 24 * 3600.0
"""The same where its refresh token could not be stored yet: it is the only one that is good."""
LOOK_AT = 32
"""From so many known tokens on it is looked which grants can be forgotten."""


@dataclass(eq=False)
class Turns:
    """The questions to the provider about one grant, on one event loop: one at a time."""

    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    failures: int = 0
    failure: TokenNotFetched | None = None
    stores: list[Store] = field(default_factory=list)
    """Where a new refresh token is stored; the last one that is open is asked."""

    @property
    def busy(self) -> bool:
        """Whether somebody uses them."""
        return self.lock.locked() or bool(self.stores)


@dataclass(eq=False)
class Grant:
    """One grant: its tokens."""

    refresh_token: SecretStr
    """The latest that we know."""
    replaced: SecretStr | None = None
    """What it came in place of, where that is not stored yet."""
    access_token: str | None = None
    ends_at: float = 0.0
    """By the monotonic clock."""
    shown: deque[str] = field(default_factory=lambda: deque(maxlen=REMEMBERED))
    """Access tokens that servers were given, to be taken out of what they say."""
    keys: deque[OAuth] = field(default_factory=deque)
    """By which it is found, the one that was not asked for the longest first."""
    used_at: float = field(default_factory=time.monotonic)
    of_loops: "WeakKeyDictionary[asyncio.AbstractEventLoop, Turns]" = field(default_factory=WeakKeyDictionary)

    @property
    def good_token(self) -> str | None:
        """The access token, if it can be used still."""
        return self.access_token if time.monotonic() < self.ends_at else None

    @property
    def turns(self) -> Turns:
        """Those of the running event loop."""
        return self.of_loops.setdefault(asyncio.get_running_loop(), Turns())

    def take(self, asked_with: SecretStr, tokens: Tokens, asked_at: float) -> None:
        """Take what the provider gave; `asked_at` by the monotonic clock."""
        remember_opened(tokens.access_token)
        self.access_token = tokens.access_token
        self.ends_at = asked_at + tokens.lifetime - MARGIN
        self.shown.append(tokens.access_token)
        if asked_with != self.refresh_token:
            self.refresh_token, self.replaced = asked_with, None
        if tokens.refresh_token is not None:
            remember_opened(tokens.refresh_token.get_secret_value())
            # What is stored is what the first of those came in place of that are not stored yet.
            self.replaced = self.replaced or asked_with
            self.refresh_token = tokens.refresh_token

    def forget_access(self) -> None:
        """Let the next access token be fetched: a server does not take this one."""
        self.access_token, self.ends_at = None, 0.0

    def _may_go(self, now: float) -> bool:
        if any(turns.busy for turns in self.of_loops.values()):
            return False
        return now - self.used_at > (IDLE if self.replaced is None else IDLE_UNSAVED)


_grants: dict[OAuth, Grant] = {}


def grant_of(oauth: OAuth) -> Grant:
    """Return the grant that an account's tokens are of."""
    grant = _grants.get(oauth)
    if grant is None:
        _forget_unused()
        grant = Grant(oauth.refresh_token)
    _know(grant, oauth)
    grant.used_at = time.monotonic()
    return grant


def know_latest(grant: Grant, oauth: OAuth) -> None:
    """Let the grant be found by the latest refresh token, too."""
    _know(grant, replace(oauth, refresh_token=grant.refresh_token))


def find_grant(oauth: OAuth) -> Grant | None:
    """Return the grant if anything is known of it."""
    return _grants.get(oauth)


def _know(grant: Grant, key: OAuth) -> None:
    if _grants.get(key) is grant:
        grant.keys.remove(key)
    _grants[key] = grant
    grant.keys.append(key)
    while len(grant.keys) > REMEMBERED:
        oldest = grant.keys.popleft()
        if _grants.get(oldest) is grant:
            del _grants[oldest]


def _forget_unused() -> None:
    if len(_grants) < LOOK_AT:
        return
    now = time.monotonic()
    for key, grant in list(_grants.items()):
        if grant._may_go(now):
            del _grants[key]

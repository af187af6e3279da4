"""Sending by one account: its allowance, connections and signature, and what follows for it from results."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Self

from jobrunner.config import Configuration
from jobrunner.db.connection import TRANSIENT
from jobrunner.db.queryable import Connect
from jobrunner.db.secrets import Keyring
from jobrunner.services.mail.accounts.loading import SYSTEM, SendingAccount, load_account
from jobrunner.services.mail.accounts.observing import observe
from jobrunner.services.mail.accounts.rates import Allowance, give_back, reserve
from jobrunner.services.mail.accounts.sent_copies import SentCopy
from jobrunner.services.mail.accounts.state import note_failure
from jobrunner.services.mail.accounts.tokens import LAST_LIMIT, keeping_token
from jobrunner.services.mail.address import Address
from jobrunner.services.mail.patience import persist
from jobrunner.services.mail.smtp import Outcome, Pool, Pools, Result, shared_pools

STOCK = 8
"""Mails that are reserved at once."""
WORTH_WAITING = 10.0
"""Seconds that a run waits to have allowance again; for what takes longer it comes again."""
LOOK_INTERVAL = 0.2
"""Seconds between two looks at whether a run that waits is to come to its end."""
MOST_TROUBLES = 3
"""Broken lines in a row, over all connections, after which a run gives up on the server."""
RATE_USED_UP = "as many mails were sent as its rate allows"


class Outgoing:
    """One account as a run uses it. Several tasks send by it, each over a connection of its own:

    outgoing = await Outgoing.load(ctx.connection, ctx.configuration)
    async with outgoing.open() as pool, pool.connection() as transport:
        while await outgoing.may_send(goes_on):
            result = await transport.send(outgoing.signed(message, at), envelope)
            await outgoing.observe(result)
    """

    def __init__(
        self, account: SendingAccount, keyring: Keyring, connect: Connect, *, pools: Pools | None = None
    ) -> None:
        """Prepare it.

        Args:
            account: by which is sent.
            keyring: seals a new refresh token.
            connect: lends a connection; none is held while mail is sent.
            pools: where the connections to the mail server come from; those that this process shares if None.

        Raises:
            InvalidInput: a DKIM key of the account cannot sign.
        """
        self.account = account
        self.held: str | None = None
        """Why this run is to send nothing more by it: it is held back, its rate is used up, its server is away."""
        self._signer = account.signer
        self._keyring = keyring
        self._connect = connect
        self._pools = pools
        self._lock = asyncio.Lock()
        self._stock = 0
        self._is_well = False
        """Whether the account is known to be well: then a success is nothing to be noted."""
        self._troubles = 0

    @classmethod
    async def load(
        cls, connect: Connect, configuration: Configuration, key: str = SYSTEM, *, pools: Pools | None = None
    ) -> Self:
        """Load an account by its key; `system` by default.

        Raises:
            JobrunnerError: as `load_account`, or a DKIM key cannot sign.
        """
        keyring = Keyring.from_configuration(configuration)
        async with connect() as connection:
            account = await load_account(connection, keyring, key, configuration=configuration)
        return cls(account, keyring, connect, pools=pools)

    @asynccontextmanager
    async def open(self) -> AsyncIterator[Pool]:
        """Lend the account's connections, with its limits; at the end what was reserved and not used is given back.

        A refresh token that the provider replaces meanwhile is stored at once (`keeping_token`).
        """
        limits = self.account.limits
        async with keeping_token(self.account, self._keyring, self._connect):
            try:
                async with (self._pools or shared_pools()).lend(
                    self.account.smtp,
                    max_connections=limits.max_connections,
                    messages_per_connection=limits.messages_per_connection,
                    idle_close=limits.idle_close,
                ) as pool:
                    yield pool
            finally:
                await self._give_back_stock()

    async def may_send(self, goes_on: Callable[[], bool] = lambda: True) -> bool:
        """Take one mail of what the account may send; waits for a few seconds where that helps.

        False where `goes_on` says no, or nothing is to be sent for longer; `held` says why then, and `wait` how long.
        """
        async with self._lock:
            while not self._stock:
                if self.held is not None or not goes_on():
                    return False
                allowance = await self._reserve(STOCK)
                self._stock += allowance.granted  # others may have put some back meanwhile
                if not self._stock and not await self._wait(allowance, goes_on):
                    return False
            if self.held is not None or not goes_on():
                return False
            self._stock -= 1
            return True

    def put_back(self) -> None:
        """Return what `may_send` has taken, where there was nothing to be sent."""
        self._stock += 1

    async def wait(self) -> timedelta | None:
        """Return how long until it is worth while to come again; None where only a person can help."""
        return (await self.look()).wait

    async def look(self) -> Allowance:
        """Return what holds it back at this moment, and for how long; nothing is taken."""
        return await self._reserve(0)

    def signed(self, message: bytes, at: datetime) -> bytes:
        """Return the message with the account's DKIM signature, if it has one."""
        return message if self._signer is None else self._signer.sign(message, at=at) + message

    def copy_of(self, message_id: str, sender: Address, content: bytes, at: datetime) -> SentCopy | None:
        """Return a mail that was taken as it is kept for the Sent folder, None where its account has none.

        `content` is what was handed over; give the copy to `keeping_copy` where it is noted that the mail was sent.
        """
        if not self.account.stores_sent:
            return None
        return SentCopy(int(self.account.key), str(sender), message_id, at, content)

    async def observe(self, result: Result) -> str | None:
        """Note what one result means for the account, for all daemons, and give back what was not charged.

        Returns why this run is to send nothing more by the account, if that is news; `held` is that, too.
        """
        before = self.held
        is_news, is_free = self._is_news(result), _is_free(result)
        held = self.held if before is None else None
        if is_news or is_free:
            await persist(lambda: self._tell(result, is_news, is_free, held))
        return held

    async def _tell(self, result: Result, is_news: bool, is_free: bool, held: str | None) -> None:
        async with self._connect() as connection:
            if held is not None and result.outcome is Outcome.UNKNOWN:
                await note_failure(connection, self.account.key, held)  # one tells nothing of the server, several do
            elif is_news:
                await observe(connection, self.account.key, result)
            if is_free:
                await give_back(connection, self.account.key, 1)

    def _is_news(self, result: Result) -> bool:
        """Count troubles; return whether the account's state is to be told. Of successes the first one is enough."""
        match result.outcome:
            case Outcome.LOCAL | Outcome.UNSUPPORTED:
                return False
            case Outcome.RATE | Outcome.AUTHENTICATION:
                self._hold(str(result))
            case Outcome.CONNECTION | Outcome.UNKNOWN:
                self._troubles += 1
                if result.phase.before_message:
                    self._hold(str(result))
                elif self._troubles >= MOST_TROUBLES:
                    self._hold(f"{self._troubles} attempts in a row broke off, the last: {result}")
            case _:
                was_well, self._is_well, self._troubles = self._is_well, True, 0
                return not was_well
        self._is_well = False
        return True

    def _hold(self, reason: str) -> None:
        self.held = self.held or reason

    async def _wait(self, allowance: Allowance, goes_on: Callable[[], bool]) -> bool:
        """Wait for allowance; False where it takes too long."""
        if allowance.wait is None or allowance.wait.total_seconds() > WORTH_WAITING:
            self._hold(allowance.held or RATE_USED_UP)
            return False
        ends_at = time.monotonic() + allowance.wait.total_seconds()
        while (left := ends_at - time.monotonic()) > 0 and goes_on() and self.held is None:  # noqa: ASYNC110 nobody tells
            await asyncio.sleep(min(left, LOOK_INTERVAL))
        return True

    async def _reserve(self, wanted: int) -> Allowance:
        async with self._connect() as connection:
            return await reserve(connection, self.account.key, wanted, limits=self.account.limits)

    async def _give_back_stock(self) -> None:
        left, self._stock = self._stock, 0
        if not left:
            return
        try:
            async with asyncio.timeout(LAST_LIMIT), self._connect() as connection:
                await give_back(connection, self.account.key, left)
        except (*TRANSIENT, TimeoutError):
            pass  # they come back by themselves, a little later


def _is_free(result: Result) -> bool:
    """Whether the attempt does not count against the rate: it was not charged, or the server was not asked."""
    match result.outcome:
        case Outcome.ACCEPTED | Outcome.UNKNOWN:
            return False
        case Outcome.LOCAL | Outcome.UNSUPPORTED:
            return True
    return not result.charged

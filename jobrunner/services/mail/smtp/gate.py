"""The way in: until one login has succeeded one is tried at a time, and one that was refused is not tried again."""

import asyncio

from jobrunner.services.mail.smtp.account import Account
from jobrunner.services.mail.smtp.dialogue import Ended, Position
from jobrunner.services.mail.smtp.extensions import Extensions
from jobrunner.services.mail.smtp.line import Line
from jobrunner.services.mail.smtp.opening import open_line
from jobrunner.services.mail.smtp.outcome import Result


class Gate:
    """What the connections of one pool share, so that a wrong password counts once, not once for each of them.

    It lasts as long as its pool. What is to be known for longer, and by others, stands in the account's state.
    """

    def __init__(self) -> None:
        self._lock = asyncio.Lock()
        self._passed = False
        self._refusal: Result | None = None
        self._failures = 0
        self._failure: Result | None = None

    async def enter(self, account: Account, position: Position) -> tuple[Line, Extensions]:
        """Connect and log in. Who waits while another one tries shares its failure.

        Raises:
            Ended: that was not possible, or is known not to be.
        """
        if account.username is None:
            return await open_line(account, position)
        if not self._passed and self._refusal is None:
            failures = self._failures
            async with self._lock:
                if self._failures != failures and self._failure is not None:
                    raise _ended(self._failure, position)
                if not self._passed and self._refusal is None:
                    return await self._try(account, position)
        return await self._try(account, position)

    async def _try(self, account: Account, position: Position) -> tuple[Line, Extensions]:
        if self._refusal is not None:
            raise _ended(self._refusal, position)
        try:
            opened = await open_line(account, position)
        except Ended as ended:
            if ended.result.refuses_login:
                self._refusal = ended.result
            self._failures += 1
            self._failure = ended.result
            raise
        self._passed = True
        return opened


def _ended(result: Result, position: Position) -> Ended:
    position.phase = result.phase
    return Ended(result)

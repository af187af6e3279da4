"""One connection to a mail server, opened when first used and again when it was lost."""

from jobrunner.errors import InvalidInput
from jobrunner.services.mail.smtp.account import Account
from jobrunner.services.mail.smtp.dialogue import Ended, Position, broken
from jobrunner.services.mail.smtp.gate import Gate
from jobrunner.services.mail.smtp.line import LimitReached, LineLost
from jobrunner.services.mail.smtp.outcome import Outcome, Phase, Result
from jobrunner.services.mail.smtp.reply import Nonsense
from jobrunner.services.mail.smtp.transaction import Transactions
from jobrunner.services.mail.smtp.transport import Envelope
from jobrunner.services.mail.smtp.wire import wire_form

QUIT_LIMIT = 5.0
"""Seconds that taking leave of the server may take."""
MESSAGES_PER_CONNECTION = 100
"""Messages after which a connection is replaced: servers grow suspicious of long ones."""


class Session:
    """A `Transport` of one connection; it is reused from message to message."""

    def __init__(
        self,
        account: Account,
        *,
        messages_per_connection: int = MESSAGES_PER_CONNECTION,
        gate: Gate | None = None,
    ) -> None:
        """`gate`: the way in that it shares with others; one of its own if None."""
        self.account = account
        self.connections = 0
        """How many connections it has opened, ever."""
        self._gate = gate or Gate()
        self._most = messages_per_connection
        self._position = Position()
        self._transactions: Transactions | None = None
        self._busy = False
        self._over = False

    @property
    def phase(self) -> Phase:
        """Where it is, or where the last `send` was when it was cancelled."""
        return self._position.phase

    @property
    def connected(self) -> bool:
        """Whether there is a line that can be used, as far as we were told."""
        return self._transactions is not None and self._transactions.line.usable

    async def send(self, message: bytes, envelope: Envelope) -> Result:
        """Hand over one message. Where an idle connection turns out to be lost, it is opened anew once.

        Raises:
            RuntimeError: another task is sending over it: a fault of the caller's, who must not share it.
        """
        if self._busy:
            raise RuntimeError("one task at a time may send over a connection")
        try:
            payload = wire_form(message)
        except InvalidInput as error:
            return Result(Outcome.LOCAL, Phase.IDLE, str(error))
        self._busy = True
        try:
            return await self._send(payload, envelope)
        except Ended as ended:
            return ended.result
        except BaseException:  # a cancellation: the reply that may still come must meet nobody
            self.drop()
            raise
        finally:
            self._busy = False

    async def close(self) -> None:
        """Say QUIT and close; a server that does not answer is not waited for."""
        transactions, self._transactions = self._transactions, None
        if transactions is None:
            return
        line = transactions.line
        try:
            if line.usable:
                line.write(b"QUIT\r\n")
                await line.reply(QUIT_LIMIT)
        except (LineLost, LimitReached, Nonsense):
            pass
        finally:
            line.drop()

    def drop(self) -> None:
        """Throw the connection away, at once and without a word."""
        transactions, self._transactions = self._transactions, None
        if transactions is not None:
            transactions.line.drop()

    def end(self) -> None:
        """Throw the connection away and open none any more; a `send` under way ends with what is known then."""
        self._over = True
        self.drop()

    async def _send(self, payload: bytes, envelope: Envelope) -> Result:
        transactions = self._transactions
        if transactions is not None and transactions.line.usable and transactions.count < self._most:
            try:
                return await transactions.hand_over(payload, envelope)
            except Ended as ended:
                if transactions.answered or not transactions.line.lost or not _is_loss(ended.result):
                    raise
        transactions = await self._open()
        return await transactions.hand_over(payload, envelope)

    async def _open(self) -> Transactions:
        await self.close()  # a full one; of a lost one nothing is left to be said
        self._require_going_on()
        self.connections += 1
        line, offers = await self._gate.enter(self.account, self._position)
        self._transactions = Transactions(self.account, line, offers, self._position)
        self._require_going_on()
        return self._transactions

    def _require_going_on(self) -> None:
        if self._over:
            self.drop()
            raise broken(Phase.CONNECT, f"the connections to {self.account.place} were closed by ourselves")


def _is_loss(result: Result) -> bool:
    return result.outcome is Outcome.CONNECTION or result.code == 421

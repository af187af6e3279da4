"""One command at a time over a connection: given, waited for, and whatever goes wrong with it in a sentence."""

from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager

from jobrunner.services.mail.imap.account import Account
from jobrunner.services.mail.imap.codes import fault_of
from jobrunner.services.mail.imap.exchange import Exchange
from jobrunner.services.mail.imap.fault import Fault, LineBroken, MailboxError, failure, one_line
from jobrunner.services.mail.imap.login import without_secrets
from jobrunner.services.mail.imap.planning import uid_set
from jobrunner.services.mail.imap.protocol import SELECTED, ImapProtocol
from jobrunner.services.mail.imap.receiving import Caps

UIDS_PER_COMMAND = 500


class CommandLine:
    """The connection of an account, after its login."""

    def __init__(self, account: Account, protocol: ImapProtocol, token: str | None) -> None:
        self.account = account
        self._protocol = protocol
        self._token = token
        self._busy = False
        self._read_only = False

    async def _run(
        self,
        name: str,
        *arguments: str,
        by_uid: bool = False,
        wanted: Collection[bytes] = (),
        caps: Caps | None = None,
        step: str | None = None,
    ) -> Exchange:
        """Give a command, and return it with its answers when it was done."""
        step = step or name
        exchange = Exchange(
            name, self._protocol.new_tag(), *arguments, by_uid=by_uid, wanted=wanted, caps=caps or Caps()
        )
        with self._turn(), self._sentences(step):
            self._require_open(name)
            await self._protocol.execute(exchange)
        self._require_ok(exchange, step)
        return exchange

    async def _each(self, name: str, uids: Sequence[int], *arguments: str) -> None:
        """Give a command that changes messages, so many at a time that no line is too long for a server."""
        if self._read_only:  # servers differ in whether they refuse it
            raise self._failure(Fault.DENIED, name, "the folder was opened read only")
        ordered = sorted(uids)
        for start in range(0, len(ordered), UIDS_PER_COMMAND):
            await self._run(name, uid_set(ordered[start : start + UIDS_PER_COMMAND]), *arguments, by_uid=True)

    def _require_open(self, name: str) -> None:
        if name in ("SEARCH", "FETCH", "STORE", "EXPUNGE") and self._protocol.broken is None:
            assert self._protocol.state == SELECTED, f"{name} needs an open folder"

    def _require_ok(self, exchange: Exchange, step: str) -> None:
        if exchange.result != "OK":
            raise self._refusal(exchange, step)

    def _refusal(self, exchange: Exchange, step: str | None = None) -> MailboxError:
        fault = fault_of(exchange.name, exchange.result, exchange.text)
        return self._failure(fault, step or exchange.name, one_line(exchange.text))

    def _failure(self, fault: Fault, step: str, words: str = "") -> MailboxError:
        return failure(self.account, fault, step, without_secrets(words, self.account, self._token))

    @contextmanager
    def _turn(self) -> Iterator[None]:
        """Hold the connection for one call."""
        if self._busy:
            raise RuntimeError("one call at a time may use a mailbox; an earlier one has not ended")
        self._busy = True
        try:
            yield
        finally:
            self._busy = False

    @contextmanager
    def _sentences(self, step: str) -> Iterator[None]:
        """Turn what breaks a connection into the error for it."""
        try:
            yield
        except LineBroken as error:
            if not error.fault.keeps_line:
                self._protocol.fail(error)
            raise self._failure(error.fault, step, error.words) from None

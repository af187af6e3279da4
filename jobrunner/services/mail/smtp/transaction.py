"""One message after another over one line: MAIL, RCPT, DATA, the message, and what each reply means.

Where the server offers PIPELINING the commands go out in one write, and then every reply to them is read, so that a
message takes two round trips instead of four. The message itself waits for the reply to DATA in either case: until its
last octets are written it is certain that the server does not have it, from then on only its answer tells.
"""

from jobrunner.errors import InvalidInput
from jobrunner.services.mail.smtp import dsn
from jobrunner.services.mail.smtp.account import Account
from jobrunner.services.mail.smtp.dialogue import Ended, Position, broken, closed, no_answer, no_sense
from jobrunner.services.mail.smtp.extensions import Extensions
from jobrunner.services.mail.smtp.line import CHUNK, LimitReached, Line, LineLost
from jobrunner.services.mail.smtp.login import without_secrets
from jobrunner.services.mail.smtp.outcome import Outcome, Phase, Result, judge, one_line
from jobrunner.services.mail.smtp.reply import Nonsense, Reply
from jobrunner.services.mail.smtp.transport import Envelope

DOT = b".\r\n"


class Transactions:
    """The transactions of one line. What goes wrong beyond a refusal closes the line."""

    def __init__(self, account: Account, line: Line, offers: Extensions, position: Position) -> None:
        self.line = line
        self.offers = offers
        self.count = 0
        """Messages for which MAIL was sent."""
        self.answered = False
        """Whether MAIL was answered in the last transaction, but for a farewell: then the line was no lost one."""
        self._account = account
        self._position = position
        self._needs_reset = False

    async def hand_over(self, payload: bytes, envelope: Envelope) -> Result:
        """Hand over one message in its wire form.

        Raises:
            Ended: it was not accepted; with the result.
        """
        self.answered = False
        mail, rcpt = self._commands(payload, envelope)
        self.count += 1
        reset, self._needs_reset = self._needs_reset, True
        if self.offers.pipelining:
            await self._ask_together(reset, mail, rcpt)
        else:
            await self._ask_one_by_one(reset, mail, rcpt)
        reply = await self._write_message(payload)
        if not 200 <= reply.code <= 299:
            raise self._refused(Phase.DOT, reply)
        self._needs_reset = False
        self._position.phase = Phase.IDLE
        return Result(Outcome.ACCEPTED, Phase.DOT, one_line(reply.text), reply.code)

    # The commands

    def _commands(self, payload: bytes, envelope: Envelope) -> tuple[str, str]:
        """Return MAIL and RCPT, with what the server offers; nothing has been sent when this ends it."""
        offers, sender, recipient = self.offers, envelope.sender, envelope.recipient
        mail, rcpt = f"MAIL FROM:<{sender or ''}>", f"RCPT TO:<{recipient}>"
        if offers.size is not None:
            if 0 < offers.size < len(payload):
                raise self._unsupported(f"the message has {len(payload)} octets", f"takes {offers.size} at most")
            mail += f" SIZE={len(payload)}"
        foreign = [one for one in (recipient, sender) if one is not None and one.needs_smtputf8]
        if foreign and not offers.smtputf8:
            who = foreign[0]
            raise self._unsupported(f"{who} is in another alphabet", "does not take that (SMTPUTF8)")
        if foreign or not payload.isascii():
            if offers.eight_bit:
                mail += " BODY=8BITMIME"
            elif not foreign:
                raise self._unsupported("the message has octets beyond ASCII", "does not take them (8BITMIME)")
            if foreign:
                mail += " SMTPUTF8"
        if offers.dsn and (envelope.envid is not None or envelope.notify is not None):
            try:
                mail += dsn.mail_parameters(envelope.envid)
                rcpt += dsn.rcpt_parameters(envelope.notify, recipient) if envelope.notify is not None else ""
            except InvalidInput as error:
                raise Ended(Result(Outcome.LOCAL, Phase.IDLE, str(error))) from None
        # Addresses were checked when they came in; a control in a command is never sent all the same.
        if not (mail.isprintable() and rcpt.isprintable()):
            raise Ended(Result(Outcome.LOCAL, Phase.IDLE, "an address holds a character that ends a command"))
        return mail, rcpt

    def _unsupported(self, what: str, why: str) -> Ended:
        return Ended(Result(Outcome.UNSUPPORTED, Phase.MAIL, f"{what}, and {self._account.place} {why}"))

    # Asking

    async def _ask_one_by_one(self, reset: bool, mail: str, rcpt: str) -> None:
        if reset:
            await self._ask(Phase.RESET, "RSET")
        await self._ask(Phase.MAIL, mail)
        await self._ask(Phase.RCPT, rcpt)
        await self._ask(Phase.DATA, "DATA")

    async def _ask(self, phase: Phase, command: str) -> None:
        self._write(phase, f"{command}\r\n".encode())
        reply = await self._reply(phase)
        if not _is_good(phase, reply.code):
            raise self._refused(phase, reply)

    async def _ask_together(self, reset: bool, mail: str, rcpt: str) -> None:
        """Send all at once and read every reply, whatever the first ones say (RFC 2920)."""
        text = f"{mail}\r\n{rcpt}\r\nDATA\r\n"
        if reset:
            self._write(Phase.RESET, f"RSET\r\n{text}".encode())
            reply = await self._reply(Phase.RESET)
            if not _is_good(Phase.RESET, reply.code):
                raise self._refused(Phase.RESET, reply)  # closes the line
        else:
            self._write(Phase.MAIL, text.encode())
        take, refusal, recipient_taken = self.line.take, None, False
        try:
            reply = take() or await self._reply(Phase.MAIL)
            if not 200 <= reply.code <= 299:
                refusal = self._refused(Phase.MAIL, reply)
            reply = take() or await self._reply(Phase.RCPT)
            recipient_taken = 200 <= reply.code <= 299
            if not recipient_taken:
                refusal = refusal or self._refused(Phase.RCPT, reply)
            reply = take() or await self._reply(Phase.DATA)
            if reply.code != 354:
                refusal = refusal or self._refused(Phase.DATA, reply)
        except Ended:
            if refusal is not None:
                raise refusal from None  # it came first, and tells more than that the line ended after it
            raise
        if refusal is None:
            return
        self._position.phase = refusal.result.phase
        if reply.code == 354:
            await self._send_nothing(recipient_taken)
        elif reply.code == 421:
            self.line.drop()
        raise refusal

    async def _send_nothing(self, recipient_taken: bool) -> None:
        """Answer a 354 that comes in spite of a refusal: an empty message, of which nobody is to be the recipient."""
        if recipient_taken or not self.line.quiet:
            self.line.drop()  # else somebody would get an empty mail
            return
        try:
            self.line.write(DOT)
            reply = await self.line.reply(self._account.command_limit)
        except (LineLost, LimitReached, Nonsense):
            self.line.drop()
        else:
            if reply.code == 421:
                self.line.drop()

    # The message

    async def _write_message(self, payload: bytes) -> Reply:
        last: bytes | memoryview = payload
        if len(payload) > CHUNK:
            last = await self._write_all_but_last(memoryview(payload))
        self._write(Phase.DATA, last)
        # In the same breath as the write: no cancellation comes between it and the new phase.
        return await self._reply(Phase.DOT, self._account.data_limit)

    async def _write_all_but_last(self, payload: memoryview) -> memoryview:
        """Write a large message as it is taken, and return its last piece, with the dot."""
        while len(payload) > CHUNK:
            size = min(CHUNK, len(payload) - len(DOT))
            await self._write_piece(payload[:size])
            payload = payload[size:]
        return payload

    async def _write_piece(self, piece: memoryview) -> None:
        account = self._account
        self._write(Phase.DATA, piece)
        try:
            await self.line.flushed(account.data_limit)
            if not self.line.quiet:
                # The server breaks it off. Its word counts, and the line is of no use any more.
                raise self._refused(Phase.DATA, await self.line.reply(account.command_limit))
        except LimitReached:
            text = f"{account.place} did not take the message within the limit of {account.data_limit:g} s"
            raise self._broken(Phase.DATA, text) from None
        except LineLost as fault:
            raise self._broken(Phase.DATA, closed(account, Phase.DATA, fault)) from None
        except Nonsense as nonsense:
            raise self._broken(Phase.DATA, no_sense(account, Phase.DATA, nonsense)) from None
        except Ended:
            self.line.drop()
            raise

    # One step

    def _write(self, phase: Phase, data: bytes | memoryview) -> None:
        self._position.phase = phase
        if not self.line.quiet:
            raise self._broken(phase, no_sense(self._account, phase, "it came before it was asked for"))
        try:
            self.line.write(data)
        except (LineLost, Nonsense) as fault:
            raise self._broken(phase, closed(self._account, phase, fault)) from None

    async def _reply(self, phase: Phase, limit: float | None = None) -> Reply:
        self._position.phase = phase
        limit = limit or self._account.command_limit
        try:
            reply = await self.line.reply(limit)
        except LimitReached:
            raise self._broken(phase, no_answer(self._account, phase, limit)) from None
        except LineLost as fault:
            raise self._broken(phase, closed(self._account, phase, fault)) from None
        except Nonsense as nonsense:
            raise self._broken(phase, no_sense(self._account, phase, nonsense)) from None
        if reply.code != 421 and phase is not Phase.RESET:
            self.answered = True
        return reply

    def _refused(self, phase: Phase, reply: Reply) -> Ended:
        """Return what a reply means that is not the hoped-for one."""
        code = reply.code
        if code < 400:
            return self._broken(phase, no_sense(self._account, phase, code))
        if code == 421 or phase is Phase.RESET:
            self.line.drop()
        return Ended(judge(phase, code, without_secrets(reply.text, self._account)))

    def _broken(self, phase: Phase, text: str) -> Ended:
        self.line.drop()
        return broken(phase, text)


def _is_good(phase: Phase, code: int) -> bool:
    return code == 354 if phase is Phase.DATA else 200 <= code <= 299

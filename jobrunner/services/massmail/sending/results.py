"""What results mean: for the item, for the mailing and for the account; and what the database says to them."""

from collections.abc import Callable
from dataclasses import astuple
from datetime import UTC, datetime, timedelta

from jobrunner.db.line import Line
from jobrunner.db.sql import load
from jobrunner.services.mail.accounts import Outgoing
from jobrunner.services.mail.accounts.sent_copies import KEEP_SENT_COPY
from jobrunner.services.mail.smtp import Result
from jobrunner.services.massmail.mass_emails.states import pause_for
from jobrunner.services.massmail.sending.breakers import BOUNCE_WINDOW, Breakers
from jobrunner.services.massmail.sending.course import Course
from jobrunner.services.massmail.sending.hour import HourLimit
from jobrunner.services.massmail.sending.items import Answer, Item, Settlement
from jobrunner.services.massmail.sending.judging import judge
from jobrunner.services.massmail.sending.ledger import Ledger
from jobrunner.services.massmail.sending.letters import Letter, message_id
from jobrunner.services.massmail.sending.owner import tell_owner
from jobrunner.services.massmail.sending.preparing import Prepared

TROUBLE_WAIT = timedelta(minutes=1)
"""Before an account is asked again that was in trouble, where its state does not say until when."""


class Results:
    """The results of one mass e-mail, as they come in."""

    def __init__(
        self,
        prepared: Prepared,
        account: Outgoing,
        course: Course,
        hour: HourLimit,
        side: Line,
        on_settled: Callable[[int], None],
    ) -> None:
        """`on_settled` hears how many items were finished."""
        self.leased: set[int] = set()
        """Items whose end is not stored."""
        self.in_doubt: set[int] = set()
        """Of those the ones that were begun to be handed over."""
        self._prepared = prepared
        self._account = account
        self._course = course
        self._hour = hour
        self._side = side
        self._on_settled = on_settled
        self._breakers = Breakers()

    async def read_earlier(self) -> None:
        """Take account of what became of the last items of earlier runs, since a person let the mailing go on."""
        rows = await self._side.fetch(load(__package__, "read_outcomes"), self._prepared.id, BOUNCE_WINDOW)
        self._breakers = Breakers(rows, is_resumed=self._prepared.is_resumed)

    def tell(self, item: Item, result: Result) -> None:
        """Log what was not simply accepted."""
        self._course.log.info("item %d (%s): %s", item.id, item.email_address, result)

    async def keep(self, letter: Letter) -> None:
        """Keep a mail that was taken for the Sent folder, where the mailing wants that."""
        if not self._prepared.stores_sent:
            return
        sender = self._prepared.sender.address
        copy = self._account.copy_of(message_id(letter.item, sender), sender, letter.message, datetime.now(UTC))
        if copy is None:
            return
        try:
            await self._side.fetch(KEEP_SENT_COPY, *astuple(copy))
        except Exception:  # it is sent all the same, and that is still to be noted
            self._course.log.exception("item %d was sent, and cannot be kept for the Sent folder", letter.item.id)

    async def settle(self, item: Item, result: Result, ledger: Ledger) -> None:
        """Have the end of an item stored that was not handed over."""
        self.tell(item, result)
        ledger.add(await self.conclude(item, result))

    async def conclude(self, item: Item, result: Result) -> Settlement:
        """Note what a result means for account and mailing; return what it means for the item."""
        if (reason := self._breakers.note(result)) is not None:
            await self._pause(reason)
        if (held := await self._account.observe(result)) is not None:
            now = await self._account.look()
            self._course.sent.wait = TROUBLE_WAIT if now.held is None else now.wait
            self._course.stop(f"its account is held back: {held}", halted=True)
        return self.judged(item, result)

    def judged(self, item: Item, result: Result) -> Settlement:
        """Return what a result means for the item alone."""
        return judge(
            item,
            result,
            policy=self._prepared.account.uncertain_policy,
            most_attempts=self._prepared.settings.mass_email_max_attempt_count,
        )

    async def pause_if_all_are_refused(self) -> None:
        """Pause a mailing of which nothing is left, where that is because everything was refused."""
        reason = self._breakers.at_end()
        if reason is not None and not await self._side.fetch(
            load(__package__, "find_unfinished_item"), self._prepared.id
        ):
            await self._pause(reason)

    async def _pause(self, reason: str) -> None:
        prepared = self._prepared
        self._course.stop(f"paused: {reason}", halted=True)
        if await pause_for(self._side, prepared.id, reason):
            await tell_owner(
                self._course.log, name=prepared.name, owner=prepared.created_by, reason=f"paused: {reason}"
            )

    def note_skipped(self, number: int) -> None:
        """Count items that were skipped."""
        self._course.sent.counts["Skipped"] += number
        if number:
            self._on_settled(number)

    def note_answer(self, answer: Answer, settlements: list[Settlement]) -> None:
        """Take note of what the ledger's statement has stored, and whether the mailing goes on."""
        finished, stored, course = 0, set(answer.settled), self._course
        for settlement in settlements:
            self.leased.discard(settlement.id)
            self.in_doubt.discard(settlement.id)
            if settlement.id in stored:
                course.sent.counts[settlement.status] += 1
                finished += settlement.status != "Pending"
        if finished:
            self._on_settled(finished)
        self.leased.difference_update(answer.skipped)
        self.note_skipped(len(answer.skipped))
        if self._hour.used_up:
            course.stop("as many were sent in the last hour as may be")
        if not answer.goes_on and course.stopped is None:
            course.stop("it was paused, aborted or is held back by its campaign")

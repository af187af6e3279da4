"""Test mails: a mass e-mail to chosen addresses, at once, whatever its state; by the same path as the others."""

import asyncio
import logging
import secrets
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from jobrunner.config import Configuration
from jobrunner.db.queryable import Queryable
from jobrunner.db.secrets import Keyring
from jobrunner.db.sql import load
from jobrunner.errors import Conflict, InvalidInput, NotFound
from jobrunner.services.mail.accounts import Outgoing, give_back, reserve
from jobrunner.services.mail.address import parse_address
from jobrunner.services.mail.smtp import Outcome, Pool, Result, Transport
from jobrunner.services.massmail.mass_emails.rows import MassEmail
from jobrunner.services.massmail.sending.items import Item, Items
from jobrunner.services.massmail.sending.judging import judge
from jobrunner.services.massmail.sending.letters import Letter, Writer
from jobrunner.services.massmail.sending.preparing import Prepared, prepare
from jobrunner.services.massmail.settings import load_mass_mail_settings

MOST = 100
"""Test mails at once."""
NOBODY = ("User", "test")
"""The target of a mail to an address that is no target's own: its link to unsubscribe concerns the address alone."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """One test mail: to an address, with what it says of a target; one of the two may be left out."""

    address: str | None = None
    """The target's own where it is left out."""
    target: tuple[str, str] | None = None
    """Type and id; whoever has the address where it is left out, and nobody where none has."""


@dataclass(frozen=True, slots=True)
class Tested:
    """What became of one test mail."""

    address: str
    result: Result

    @property
    def taken(self) -> bool:
        """Whether the mail server took it."""
        return self.result.outcome is Outcome.ACCEPTED


async def send_tests(
    line: Queryable,
    configuration: Configuration,
    mass_email: MassEmail,
    wanted: Sequence[Wanted],
    *,
    log: logging.Logger | None = None,
) -> list[Tested]:
    """Send a mass e-mail to chosen addresses, one after another over one connection, and return what became of each.

    They count in the limit of the hour and are never stopped by it; the mailing's figures and state stay what they are.

    Raises:
        InvalidInput: there are too many, or an address is none.
        NotFound: there is no such target.
        Unusable, TemplateGone: the mass e-mail cannot be sent as it is.
        Conflict: its account is held back.
    """
    if not 1 <= len(wanted) <= MOST:
        raise InvalidInput(f"name 1 to {MOST} addresses or targets for a test, got {len(wanted)}")
    people = [await _person(line, one) for one in wanted]
    settings = await load_mass_mail_settings(line)
    prepared = await prepare(line, configuration, settings, mass_email.id)
    await _reserve(line, prepared, len(wanted))
    items = Items(
        prepared.id,
        secrets.randbits(63),
        None,
        timedelta(seconds=prepared.account.smtp.send_limit * len(wanted)),
        prepared.account,
        prepared.sender.address.domain,
        prepared.is_informational,
        has_excluding=False,
        with_lists=False,
        are_tests=True,
    )
    account = Outgoing(prepared.account, Keyring.from_configuration(configuration), lambda: nullcontext(line))
    async with Writer(prepared, log or logging.getLogger("jobrunner.massmail")) as writer, account.open() as pool:
        return await _send(line, account, pool, writer, items, people)


async def _send(
    line: Queryable, account: Outgoing, pool: Pool, writer: Writer, items: Items, people: list[tuple[str, Any]]
) -> list[Tested]:
    targets = [_target(address, person) for address, person in people]
    rows = await line.fetch(
        load(__package__, "add_test_items"),
        items.mass_email_id,
        items.token,
        items.lease,
        [kind for kind, _ in targets],
        [id for _, id in targets],
        [address for address, _ in people],
    )
    leased = [_item(row, person) for row, (_, person) in zip(rows, people, strict=True)]
    tested = []
    try:
        letters = await writer.write(leased, datetime.now(UTC))
        async with pool.connection() as transport:
            for item, letter in zip(leased, letters, strict=True):
                result = await _send_one(line, account, transport, items, item, letter)
                tested.append(Tested(item.email_address, result))
    finally:
        await items.release(line, [item.id for item in leased])
    return tested


async def _send_one(
    line: Queryable, account: Outgoing, transport: Transport, items: Items, item: Item, letter: Letter | Result
) -> Result:
    if isinstance(letter, Letter):
        answer = await items.exchange(line, [], [item.id])
        if item.id in answer.skipped:
            result = Result(Outcome.LOCAL, transport.phase, "the address is marked invalid: no mass mail goes to it")
            await account.observe(result)
            return result
        result = await transport.send(letter.message, letter.envelope)
    else:
        result = letter
    await account.observe(result)
    settlement = judge(item, result, policy="hold", most_attempts=1)
    if settlement.status == "Pending":  # it is not tried again by itself
        settlement = settlement._replace(status="Failed", delay=None)
    await asyncio.shield(items.exchange(line, [settlement], []))
    return result


async def _reserve(line: Queryable, prepared: Prepared, number: int) -> None:
    account = prepared.account
    allowance = await reserve(line, account.key, number, limits=account.limits)
    if allowance.granted < number:
        await give_back(line, account.key, allowance.granted)
        why = allowance.held or f"its rate allows {allowance.granted} now"
        raise Conflict(
            f"the SMTP account {account.name!r} may not send {number} mails now: {why}; "
            "`jobrunner smtp-account list` shows its state"
        )


async def _person(line: Queryable, wanted: Wanted) -> tuple[str, Any]:
    """Return the address, and the row of the target that the mail speaks of, if there is one."""
    if wanted.address is not None:
        parse_address(wanted.address)
    kind, id = wanted.target or (None, None)
    address = wanted.address if wanted.target is None else None
    rows = await line.fetch(load(__package__, "find_person"), kind, id, address)
    person = rows[0] if rows else None
    if wanted.target is not None and person is None:
        raise NotFound(f"there is no {kind} {str(id)[:100]!r}")
    if wanted.address is None and (person is None or not person["email"]):
        raise InvalidInput(f"the {kind} {str(id)[:100]!r} has no address: give one with --to")
    if wanted.address is not None:
        return wanted.address, person
    assert person is not None
    return person["email"], person


def _target(address: str, person: Any) -> tuple[str, str]:
    if person is None or (person["email"] or "").lower() != address.lower():
        return NOBODY
    return person["target_type"], person["target_id"]


def _item(row: Any, person: Any) -> Item:
    found = dict(person or {})
    return Item(
        id=row["id"],
        token=row["token"],
        next_attempt_at=row["next_attempt_at"],
        attempt_count=0,
        doubt_count=0,
        break_count=0,
        email_address=row["email_address"],
        address_key=row["address_key"],
        target_type=found.get("target_type", row["target_type"]),
        target_id=row["target_id"],
        name=found.get("name"),
        first_name=found.get("first_name"),
        last_name=found.get("last_name"),
        email=found.get("email"),
        target_key=found.get("target_key"),
        language=found.get("language"),
        account_name=found.get("account_name"),
        fields=found.get("fields"),
        linked_name=found.get("linked_name"),
        linked_email=found.get("linked_email"),
        target_list_id=None,
    )

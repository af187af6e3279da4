"""Why nothing of a mass e-mail goes out at this moment, and when it goes on."""

import shlex
from dataclasses import dataclass
from datetime import datetime

from jobrunner.db.queryable import Queryable
from jobrunner.db.sql import load
from jobrunner.errors import NotFound
from jobrunner.queue.fleet import list_daemons
from jobrunner.queue.settings import load_settings
from jobrunner.queue.wording import count, paused_since
from jobrunner.services.mail.accounts.loading import SYSTEM
from jobrunner.services.mail.accounts.outgoing import WORTH_WAITING
from jobrunner.services.mail.accounts.rates import reserve
from jobrunner.services.mail.accounts.state import read_states
from jobrunner.services.mail.accounts.table import find_account
from jobrunner.services.mail.accounts.troubles import sentence
from jobrunner.services.massmail.mass_emails.items import ItemCounts, count_items
from jobrunner.services.massmail.mass_emails.rows import MassEmail
from jobrunner.services.massmail.settings import load_mass_mail_settings


@dataclass(frozen=True, slots=True)
class Hold:
    """One reason why nothing goes out."""

    reason: str
    """A sentence without its end, with what helps where a person must act."""
    until: datetime | None = None
    """When it ends by itself; None where that is not known, or it does not."""
    needs_a_person: bool = False


async def holds_of(connection: Queryable, mass_email: MassEmail, counts: ItemCounts | None = None) -> list[Hold]:
    """Return all that holds a mass e-mail back; nothing for one that goes out, or is finished.

    Args:
        connection: whatever runs a statement.
        mass_email: which.
        counts: of its items, where the caller has counted them already.
    """
    if mass_email.finished_at is not None:
        return []
    name = shlex.quote(mass_email.name)
    if mass_email.status == "Draft":
        return [Hold(f"it is a draft: `jobrunner mass-email start {name}` starts it", needs_a_person=True)]
    if mass_email.status == "Paused":
        why = mass_email.reason or "paused"
        return [Hold(f"{why}; `jobrunner mass-email resume {name}` lets it go on", needs_a_person=True)]
    holds: list[Hold] = []
    if mass_email.is_held_back:
        campaign = f"`jobrunner campaign edit {shlex.quote(mass_email.campaign or '')} --status active`"
        holds.append(Hold(f"its campaign {mass_email.campaign!r} is Inactive: {campaign}", needs_a_person=True))
    holds += await _of_processing(connection)
    (clock,) = await connection.fetch(load(__package__, "read_hour"), await _hour_limit(connection))
    holds += await _of_account(connection, mass_email, clock["now"])
    if mass_email.status == "Pending" and mass_email.start_at > clock["now"]:
        holds.append(Hold("its time has not come", mass_email.start_at))
    if clock["free_at"] is not None:
        used, most = count(clock["used"], "mail was", "mails were"), f"{clock['most']:,}"
        why = f"in the last hour {used} sent, and the setting mass_email_max_per_hour_count is {most}"
        holds.append(Hold(why, clock["free_at"]))
    counts = counts or await count_items(connection, mass_email.id)
    if counts.pending and counts.deferred == counts.pending:
        left = (
            "the mail that is left waits" if counts.pending == 1 else f"all {counts.pending:,} mails that are left wait"
        )
        holds.append(Hold(f"{left} for another attempt", counts.next_attempt_at))
    return holds


async def hold_of_account(connection: Queryable, mass_email: MassEmail) -> Hold | None:
    """Return what holds back the account that a mass e-mail is sent by, its rate apart; None where nothing does."""
    found = await _account(connection, mass_email)
    return found if isinstance(found, Hold) else await _hold_of_state(connection, *found)


async def _account(connection: Queryable, mass_email: MassEmail) -> tuple[str, str] | Hold:
    """Return key and name of the account, or why it cannot be used."""
    id = mass_email.smtp_account_id
    try:
        account = await find_account(connection, SYSTEM if id is None else str(id))
    except NotFound:
        if id is None:  # that of the configuration
            return SYSTEM, SYSTEM
        edit = f"`jobrunner mass-email edit {mass_email.id} --account NAME`"
        return Hold(f"its SMTP account is gone: {edit} gives it another", needs_a_person=True)
    if account.status != "Active":
        edit = f"`jobrunner smtp-account edit {shlex.quote(account.name)} --status active`"
        return Hold(f"the SMTP account {account.name!r} is {account.status}: {edit}", needs_a_person=True)
    return account.key, account.name


async def _hold_of_state(connection: Queryable, key: str, name: str) -> Hold | None:
    state = (await read_states(connection, [key])).get(key)
    if state is None or not state.held:
        return None
    return Hold(sentence(name, state), state.held_until, state.needs_a_person)


async def _of_account(connection: Queryable, mass_email: MassEmail, now: datetime) -> list[Hold]:
    found = await _account(connection, mass_email)
    if isinstance(found, Hold):
        return [found]
    if (hold := await _hold_of_state(connection, *found)) is not None:
        return [hold]
    key, name = found
    wait = (await reserve(connection, key, 0)).wait
    if wait is None or wait.total_seconds() <= WORTH_WAITING:
        return []
    return [Hold(f"the SMTP account {name!r} sent as many as its rate allows", now + wait)]


async def _of_processing(connection: Queryable) -> list[Hold]:
    settings = await load_settings(connection)
    holds: list[Hold] = []
    if settings.paused:
        why = paused_since(settings.paused_by, settings.paused_since)
        holds.append(Hold(f"{why}: `jobrunner settings set paused no`"))
    if not any(daemon.alive for daemon in await list_daemons(connection)):
        holds.append(Hold("no daemon is running: `jobrunner daemon` starts one, or `jobrunner cron` does one pass"))
    return holds


async def _hour_limit(connection: Queryable) -> int:
    return (await load_mass_mail_settings(connection)).mass_email_max_per_hour_count

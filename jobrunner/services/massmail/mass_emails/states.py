"""The states of a mass e-mail: each change is one statement here that names the states it leads from.

So two who change one at once do not overrule each other: the second is told what it has become.
"""

import shlex
from datetime import datetime
from typing import Literal

from jobrunner.db.queryable import Queryable
from jobrunner.db.sql import load
from jobrunner.errors import Conflict, InvalidInput
from jobrunner.services.massmail.mass_emails.fitting import check_fits
from jobrunner.services.massmail.mass_emails.rows import MassEmail, find_mass_email
from jobrunner.services.massmail.settings import load_mass_mail_settings

Again = Literal["rest", "everybody"]


async def start(
    connection: Queryable, mass_email: MassEmail, *, at: datetime | None = None, again: Again | None = None
) -> MassEmail:
    """Make a Draft Pending, or one that is finished; its queue is built at its time. Ask `check_ready` before.

    Args:
        connection: whatever runs a statement.
        mass_email: which.
        at: when it starts; left out, as it says, or now where that is past.
        again: of one that is finished, whether the rest gets it (everybody in the lists who has not got it), or
            everybody once more.

    Raises:
        Conflict: it is under way; or it is finished and `again` is left out.
    """
    if not await connection.fetch(load(__package__, "start_mass_email"), mass_email.id, at, again):
        found = await find_mass_email(connection, str(mass_email.id))
        if found.finished_at is not None:
            raise Conflict(
                f"the mass e-mail {found.name!r} is {found.status} already: start it again with --rest for those "
                "who have not got it, or with --everybody once more for all"
            )
        raise _conflict(found, "started", "resume it" if found.status == "Paused" else None)
    return await find_mass_email(connection, str(mass_email.id))


async def pause(connection: Queryable, mass_email: MassEmail, reason: str) -> MassEmail:
    """Hold it until it is resumed, with a reason for people; what is being sent at this moment is finished.

    Raises:
        Conflict: it is neither Pending nor In Process.
    """
    return await _change(connection, "pause_mass_email", "paused", mass_email, reason, False)


async def resume(connection: Queryable, mass_email: MassEmail) -> MassEmail:
    """Let it go on where it was paused; raises Conflict unless it is Paused."""
    return await _change(connection, "resume_mass_email", "resumed", mass_email)


async def abort(connection: Queryable, mass_email: MassEmail, reason: str) -> MassEmail:
    """End it: what was not sent is Skipped. Raises Conflict unless it is Pending, In Process or Paused."""
    (row,) = await connection.fetch(load(__package__, "abort_mass_email"), mass_email.id, reason)
    found = await find_mass_email(connection, str(mass_email.id))
    if row["items"] is None:
        raise _conflict(found, "aborted", "remove it" if found.status == "Draft" else None)
    return found


async def fail(connection: Queryable, mass_email_id: int, reason: str) -> bool:
    """End one that cannot be sent (its template is gone), with all that waits; return whether it was under way."""
    (row,) = await connection.fetch(load(__package__, "fail_mass_email"), mass_email_id, reason)
    return row["items"] is not None


async def pause_for(connection: Queryable, mass_email_id: int, reason: str) -> bool:
    """Pause one that must not go on for a fault, whatever it has become; return whether that changed it."""
    return bool(await connection.fetch(load(__package__, "pause_mass_email"), mass_email_id, reason, True))


async def complete(connection: Queryable, mass_email_id: int) -> bool:
    """Finish one of which nothing is left to send; return whether that is so."""
    return bool(await connection.fetch(load(__package__, "complete_mass_email"), mass_email_id))


async def check_ready(
    connection: Queryable, mass_email: MassEmail, *, site_url: str | None, system_sender: str | None
) -> str | None:
    """See that a mass e-mail can be sent at all; return what its links begin with, None where it has none.

    Args:
        connection: whatever runs a statement.
        mass_email: which.
        site_url: of the configuration, where it was set.
        system_sender: who sends by the account of the configuration; None where it describes none.

    Raises:
        InvalidInput: it lacks something; one sentence with the command that helps.
    """
    (row,) = await connection.fetch(load(__package__, "read_readiness"), mass_email.id)
    edit = f"`jobrunner mass-email edit {mass_email.id}"
    name = f"the mass e-mail {mass_email.name!r}"
    if mass_email.email_template_id is None:
        raise InvalidInput(f"{name} has no template: {edit} --template NAME`")
    if not row["subject"]:
        template = f"`jobrunner email-template edit {mass_email.email_template_id} --subject TEXT`"
        raise InvalidInput(f"the template of {name} has no subject: {template}")
    await check_fits(connection, mass_email)
    if not row["has_list"]:
        raise InvalidInput(f"{name} has no target list: {edit} --list NAME`")
    if not row["has_member"]:
        lists = ", ".join(repr(one) for one in mass_email.target_lists)
        raise InvalidInput(f"nobody is in {lists}: `jobrunner target-list import` fills a list from a file")
    if mass_email.smtp_account_id is not None:
        account = f"the SMTP account {mass_email.smtp_account or mass_email.smtp_account_id!r} of {name}"
        if row["account_status"] is None:
            raise InvalidInput(f"{account} is gone: {edit} --account NAME`")
        if row["account_status"] != "Active":
            raise InvalidInput(f"{account} is {row['account_status']}: activate it, or choose another")
        if not row["for_mass_mail"]:
            raise InvalidInput(f"{account} is not for mass mail: allow it there, or choose another")
    elif row["system_sender"] is None and system_sender is None:
        fitting = row["fitting_accounts"]
        account = shlex.quote(fitting[0]) if len(fitting) == 1 else "NAME"
        raise InvalidInput(
            f"{name} has no sender: {edit} --account {account}`, or set up the system account (JOBRUNNER_SMTP__HOST "
            "and JOBRUNNER_SMTP__FROM_ADDRESS)"
        )
    if mass_email.is_informational:
        return None
    return (await load_mass_mail_settings(connection)).site_url(site_url)


async def _change(
    connection: Queryable, statement: str, done: str, mass_email: MassEmail, *arguments: object
) -> MassEmail:
    changed = await connection.fetch(load(__package__, statement), mass_email.id, *arguments)
    found = await find_mass_email(connection, str(mass_email.id))
    if not changed:
        raise _conflict(found, done, "start it" if found.status == "Draft" else None)
    return found


def _conflict(mass_email: MassEmail, done: str, instead: str | None = None) -> Conflict:
    hint = f": {instead}" if instead else ""
    return Conflict(f"the mass e-mail {mass_email.name!r} is {mass_email.status} and cannot be {done}{hint}")

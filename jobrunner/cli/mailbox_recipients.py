"""What is said of group accounts whose mail reaches nobody."""

from shlex import quote
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jobrunner.db.queryable import Queryable
    from jobrunner.services.mail.importing.storing.outcome import Kind


async def lost_mail(connection: "Queryable", kind: "Kind", ids: list[int] | None = None) -> list[str]:
    """Return the names of those of these accounts (None: of all) whose mail reaches nobody."""
    from jobrunner.services.mailbox.accounts.recipients import list_without_recipients

    return await list_without_recipients(connection, ids) if kind == "Group" else []


def warn_of_lost_mail(names: list[str]) -> None:
    """Say so of these accounts."""
    from jobrunner.cli.output import note

    for name in names:
        note(
            f"Warning: nobody gets the mail of {name!r}, which has no team, no user and no group folder of a team: it "
            f"is stored, and only `jobrunner emails list --inbound-email {quote(name)}` finds it; name who gets it by "
            f"`jobrunner inbound-email edit {quote(name)} --team TEAM` or `--assign-to USER`"
        )

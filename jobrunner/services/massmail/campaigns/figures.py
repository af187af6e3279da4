"""What came of a campaign or of a mass e-mail: items counted, tests left out, machines apart from people."""

from dataclasses import dataclass

from jobrunner.db.queryable import Queryable
from jobrunner.db.sql import load


@dataclass(frozen=True, slots=True)
class Figures:
    """Counts of items; a click counts as an open, too. Machines are those that no human followed."""

    sent: int
    opened: int
    opened_by_machines: int
    clicked: int
    clicked_by_machines: int
    opted_out: int
    """Those that have not opted in again."""
    bounced_hard: int
    bounced_soft: int
    leads_created: int

    def percentage(self, count: int) -> float | None:
        """Return a count in percent of what was sent, two decimals; None where nothing was."""
        return None if self.sent == 0 else round(100 * count / self.sent, 2)


async def figures_of_campaign(connection: Queryable, campaign_id: int) -> Figures:
    """Return the figures of a campaign."""
    (row,) = await connection.fetch(load(__package__, "read_figures"), campaign_id, None)
    return Figures(**row)


async def figures_of_mass_email(connection: Queryable, mass_email_id: int) -> Figures:
    """Return the figures of one mass e-mail, as far as they were logged: `sent` only where it has a campaign."""
    (row,) = await connection.fetch(load(__package__, "read_figures"), None, mass_email_id)
    return Figures(**row)

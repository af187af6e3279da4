"""What the job Cleanup removes of mass mail: items, the detail of hits, and reports about mails.

Figures stay as they are, and links in mails work for ever (`jobrunner.former_item`).
"""

from dataclasses import dataclass

from jobrunner.db.sql import load
from jobrunner.queue.cleanup_target import Amount, CleanupTarget, Occasion, OldRows, old_rows, period_setting
from jobrunner.services.massmail.mass_emails.items import count_old_items, thin_items
from jobrunner.services.massmail.settings import MASS_MAIL

KEPT = next(setting for setting in MASS_MAIL.settings if setting.name == "mail_queue_retention")
LOG_KEPT = period_setting(
    "cleanup_campaign_log_period",
    "Cleanup Campaign Log Period",
    "1 year",
    "How long each open and click is kept, with who made it. Later the first one of each mail and link is left, "
    "without who made it.",
)


@dataclass(frozen=True, slots=True)
class FinishedItems:
    """Items of mass e-mails that are finished. What their links need is kept apart."""

    async def count(self, given: Occasion) -> Amount:
        """Return how many would go."""
        return Amount(await count_old_items(given.connection, given.period))

    async def remove(self, given: Occasion, most: int) -> Amount:
        """Remove some."""
        removed = await thin_items(given.connection, given.period, most)
        return Amount(removed, is_last=removed < most)


TARGETS: tuple[CleanupTarget, ...] = (
    CleanupTarget("mailing-items", "Items of mass e-mails that are finished", KEPT, FinishedItems()),
    CleanupTarget(
        "campaign-hits",
        "Opens and clicks that add nothing to the figures",
        LOG_KEPT,
        OldRows("jobrunner.campaign_log", load(__package__, "list_repeated_hits")),
    ),
    CleanupTarget(
        "campaign-visitors",
        "Program and network of whoever opened or clicked",
        LOG_KEPT,
        OldRows(
            "jobrunner.campaign_log",
            load(__package__, "list_old_visitors"),
            instead="user_agent = NULL, ip_prefix = NULL",
        ),
    ),
    old_rows(
        "mailing-reports",
        "Reports that mails of mailings came back, were complained of or unsubscribed from",
        LOG_KEPT,
        table="jobrunner.mailing_report",
        time="settled_at",
    ),
)

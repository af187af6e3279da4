"""The administrator's settings of mail in."""

from dataclasses import dataclass

from jobrunner.db.queryable import Queryable
from jobrunner.queue.setting import Setting, SettingGroup
from jobrunner.queue.settings import load_group

MAIL_IN = SettingGroup(
    "Mail in",
    (
        Setting(
            "mail_idle",
            "Mail Idle",
            "yes or no",
            True,
            "Accounts are watched (IMAP IDLE), so that new mail is fetched at once; else by the schedule alone.",
        ),
        Setting(
            "mail_idle_renew",
            "Mail Idle Renew",
            "whole number",
            9,
            "How often watching is begun anew: servers end it after 30 minutes, what stands between often after 10.",
            "min",
            1,
            29,
        ),
        Setting(
            "mail_idle_max_connections",
            "Mail Idle Max Connections",
            "whole number",
            100,
            "The most accounts that one daemon watches; those beyond are watched by another one, or fetched by the "
            "schedule.",
            "accounts",
            0,
            10_000,
        ),
        Setting(
            "email_message_max_size",
            "Email Message Max Size",
            "whole number",
            64,
            "The largest mail that is fetched whole. Of a larger one header and text are fetched, and its files are "
            "listed as not fetched.",
            "MiB",
            1,
            100,
        ),
        Setting(
            "b2c_mode",
            "B2C Mode",
            "yes or no",
            False,
            "The customers are persons: mail of a contact is about the contact, even if it belongs to an account; else "
            "it is about the account.",
        ),
        Setting(
            "email_auto_reply_limit",
            "Email Auto Reply Limit",
            "whole number",
            5,
            "The most automatic answers to one address within the suppress period; 0 for none at all.",
            "answers",
            0,
            1_000,
        ),
        Setting(
            "email_auto_reply_suppress_period",
            "Email Auto Reply Suppress Period",
            "whole number",
            120,
            "How long an automatic answer counts for that limit.",
            "min",
            1,
            1_440,
        ),
        Setting(
            "email_auto_reply_domain_limit",
            "Email Auto Reply Domain Limit",
            "whole number",
            20,
            "The most automatic answers to the addresses of one domain in any hour.",
            "answers",
            0,
            10_000,
        ),
        Setting(
            "email_auto_reply_account_limit",
            "Email Auto Reply Account Limit",
            "whole number",
            200,
            "The most automatic answers of one group account in any hour.",
            "answers",
            0,
            10_000,
        ),
    ),
)
"""The group as the settings list shows it."""


@dataclass(frozen=True, slots=True)
class MailInSettings:
    """The settings of mail in at one moment. Made with no arguments, it holds the defaults."""

    mail_idle: bool = True
    mail_idle_renew: int = 9
    """Minutes."""
    mail_idle_max_connections: int = 100
    email_message_max_size: int = 64
    """MiB."""
    b2c_mode: bool = False
    email_auto_reply_limit: int = 5
    email_auto_reply_suppress_period: int = 120
    """Minutes."""
    email_auto_reply_domain_limit: int = 20
    email_auto_reply_account_limit: int = 200


async def load_mail_in_settings(connection: Queryable) -> MailInSettings:
    """Read the settings of mail in."""
    return await load_group(connection, MAIL_IN, MailInSettings)

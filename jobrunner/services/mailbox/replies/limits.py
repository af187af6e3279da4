"""How often a machine of ours answers: counted for the address, the thread, the domain and the account."""

from datetime import timedelta
from typing import Any

from jobrunner.db.sql import load
from jobrunner.services.mail.address import Address
from jobrunner.services.mailbox.follow_ups.facts import Facts
from jobrunner.services.mailbox.settings import MailInSettings
from jobrunner.services.records.addresses import address_key

TAKE_AUTO_REPLY = load(__package__, "take_auto_reply")

HOUR = timedelta(hours=1)
DAY = timedelta(hours=24)

WORDS = {
    "address": "as many answers as are allowed went to its sender lately (email_auto_reply_limit)",
    "thread": "its thread was answered within the last 24 hours",
    "domain": "as many answers as are allowed went to its domain in the last hour (email_auto_reply_domain_limit)",
    "account": "the account gave as many answers as are allowed in the last hour (email_auto_reply_account_limit)",
}


async def take_allowance(connection: Any, facts: Facts, recipient: Address, settings: MailInSettings) -> str | None:
    """Count one answer, in the caller's transaction; return why there is to be none, and then nothing is counted.

    Counts stay locked until that ends. Where the return path is another address than From, both are counted: some have
    a new one for each mail.
    """
    period = timedelta(minutes=settings.email_auto_reply_suppress_period)
    addresses = dict.fromkeys((address_key(recipient), facts.mail.from_key or address_key(recipient)))
    domains = dict.fromkeys(address.rpartition("@")[2] for address in addresses)
    scopes = [
        *((f"address:{address}", settings.email_auto_reply_limit, period) for address in addresses),
        (f"thread:{facts.mail.thread_id}", 1, DAY),
        *((f"domain:{domain}", settings.email_auto_reply_domain_limit, HOUR) for domain in domains),
        (f"account:{facts.account.id}", settings.email_auto_reply_account_limit, HOUR),
    ]
    names, limits, periods = map(list, zip(*scopes, strict=True))
    (row,) = await connection.fetch(TAKE_AUTO_REPLY, names, limits, periods)
    full: str | None = row["full_scope"]
    return None if full is None else WORDS[full.partition(":")[0]]

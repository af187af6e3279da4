"""What a run needs before its first answer: the account to send by, the template, and ids of our own."""

from dataclasses import dataclass
from datetime import datetime

from jobrunner.config import Configuration
from jobrunner.db.queryable import Connect
from jobrunner.db.secrets import Keyring, SecretUnreadable, signing_keys
from jobrunner.db.sql import load
from jobrunner.errors import ConfigurationError, Conflict, JobrunnerError, NotFound
from jobrunner.services.email_templates.rows import read_attachments
from jobrunner.services.mail.accounts import Outgoing
from jobrunner.services.mail.importing.storing.record_ids import PURPOSE, RecordIds
from jobrunner.services.mail.smtp import Pools
from jobrunner.services.mailbox.replies.compose import Stationery, compile_stationery
from jobrunner.services.mailbox.replies.rows import DueAnswer

READ_ANSWERING = load(__package__, "read_answering")


@dataclass(frozen=True)
class Setup:
    """How a group account answers."""

    name: str
    stationery: Stationery
    outgoing: Outgoing
    record_ids: RecordIds

    def message_id(self, answer: DueAnswer, at: datetime) -> str:
        """Return the id of an answer, by which what comes back finds its record; that of an earlier attempt again."""
        if answer.former_message_id is not None:
            return answer.former_message_id
        about = ("Email", str(answer.email_id))
        if answer.case is not None:
            about = ("Case", answer.case["id"])
        elif answer.email["parent_id"] is not None:
            about = (answer.email["parent_type"], answer.email["parent_id"])
        return self.record_ids.make(*about, at, self.stationery.sender.address.domain)


async def set_up(
    connect: Connect, configuration: Configuration, account_id: int, *, pools: Pools | None = None
) -> Setup | None:
    """Return how a group account answers; None where it is gone, or answers nothing any more.

    Raises:
        ConfigurationError: there is no account to send by.
        JobrunnerError: the template or an address cannot be used, or a secret cannot be opened.
    """
    keyring = Keyring.from_configuration(configuration)
    async with connect() as connection:
        rows = await connection.fetch(READ_ANSWERING, account_id)
        if not rows or not rows[0]["reply"] or rows[0]["subject"] is None:
            return None
        attachments = await read_attachments(connection, rows[0]["email_template_id"])
        record_ids = RecordIds(await signing_keys(connection, keyring, PURPOSE), configuration.site_url)
    stationery = compile_stationery(rows[0], attachments)
    outgoing = await _outgoing(connect, configuration, rows[0]["smtp_account_id"], pools)
    return Setup(rows[0]["name"], stationery, outgoing, record_ids)


async def _outgoing(
    connect: Connect, configuration: Configuration, smtp_account_id: int | None, pools: Pools | None
) -> Outgoing:
    """Load the account's own SMTP account, or where that cannot be used the system's."""
    if smtp_account_id is not None:
        try:
            return await Outgoing.load(connect, configuration, str(smtp_account_id), pools=pools)
        except (NotFound, Conflict, SecretUnreadable):
            pass
    try:
        return await Outgoing.load(connect, configuration, pools=pools)
    except NotFound:
        raise ConfigurationError(
            "no mail server is configured for automatic answers: `jobrunner inbound-email edit NAME --smtp-account "
            "NAME`, or `jobrunner smtp-account add NAME --kind System`"
        ) from None
    except JobrunnerError as error:
        raise ConfigurationError(f"automatic answers cannot be sent: {error}") from None

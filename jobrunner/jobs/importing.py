"""How mail is imported by the jobs: with what claims it before, and what follows from it.

It imports much, and is itself imported when the first mail is fetched.
"""

from jobrunner.db.secrets import Keyring, signing_keys
from jobrunner.definitions import JobContext
from jobrunner.services.mail.importing.storing import Importer, RecordIds
from jobrunner.services.mail.importing.storing.record_ids import PURPOSE
from jobrunner.services.mailbox.fetching import files_root
from jobrunner.services.mailbox.fetching.desk import MIB, Portions
from jobrunner.services.mailbox.follow_ups.telling import follow_import
from jobrunner.services.mailbox.settings import load_mail_in_settings
from jobrunner.services.massmail.reports.claimant import MailingReports
from jobrunner.services.massmail.tokens import PURPOSE as LINKS
from jobrunner.services.massmail.tokens import Tokens


async def importing_of(ctx: JobContext) -> tuple[Importer, Portions]:
    """Return an importer with all that belongs to it, and how much is fetched at a time.

    That is: ids of our own, reports of mass mail, what follows, notices; and what the settings say at this moment.
    """
    keyring = Keyring.from_configuration(ctx.configuration)
    async with ctx.connection() as connection:
        record_ids = RecordIds(await signing_keys(connection, keyring, PURPOSE))
        tokens = Tokens(await signing_keys(connection, keyring, LINKS))
        settings = await load_mail_in_settings(connection)
    importer = Importer(
        files_root(ctx.configuration),
        record_ids=record_ids,
        claimant=MailingReports(tokens),
        follow_up=follow_import,
        b2c=settings.b2c_mode,
    )
    return importer, Portions(largest=settings.email_message_max_size * MIB)

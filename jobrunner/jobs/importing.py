"""How mail is imported by the jobs: with what claims it before, and what follows from it."""

from typing import Any

from jobrunner.definitions import JobContext


async def importer_of(ctx: JobContext) -> Any:
    """Return an importer with all that belongs to it: ids of our own, reports about mass mail, what follows."""
    from jobrunner.db.secrets import Keyring, signing_keys
    from jobrunner.services.mail.importing.storing import Importer, load_record_ids
    from jobrunner.services.mailbox.fetching import files_root
    from jobrunner.services.mailbox.follow_ups.enqueue import enqueue_follow_ups
    from jobrunner.services.massmail.reports.claimant import MailingReports
    from jobrunner.services.massmail.tokens import PURPOSE as LINKS
    from jobrunner.services.massmail.tokens import Tokens

    keyring = Keyring.from_configuration(ctx.configuration)
    async with ctx.connection() as connection:
        record_ids = await load_record_ids(connection, keyring, ctx.configuration.site_url)
        tokens = Tokens(await signing_keys(connection, keyring, LINKS))
    return Importer(
        files_root(ctx.configuration),
        record_ids=record_ids,
        claimant=MailingReports(tokens),
        follow_up=enqueue_follow_ups,
    )

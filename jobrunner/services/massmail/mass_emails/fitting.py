"""Whether the template of a mass e-mail fits it: it compiles, and names no tracking URL but its campaign's."""

import shlex

from jobrunner.db.queryable import Queryable
from jobrunner.db.sql import load
from jobrunner.errors import InvalidInput
from jobrunner.services.email_templates.rows import EmailTemplate, find_email_template
from jobrunner.services.mail.templates import InvalidTemplate
from jobrunner.services.massmail.mass_emails.rows import MassEmail
from jobrunner.services.massmail.templates.checking import check_template
from jobrunner.services.massmail.templates.foreign_urls import foreign_tracking_urls


async def check_fits(connection: Queryable, mass_email: MassEmail) -> None:
    """See that its template can be sent; nothing where it has none.

    Raises:
        InvalidInput: a block is refused, or it names a tracking URL that its campaign does not have.
    """
    template = await _template(connection, mass_email)
    if template is None:
        return
    try:
        await check_template(template)
    except InvalidTemplate as error:
        edit = f"`jobrunner email-template edit {shlex.quote(template.name)}`"
        raise InvalidInput(
            f"the template {template.name!r} of the mass e-mail {mass_email.name!r} cannot be sent: {error}: {edit}"
        ) from None
    await check_tracking_urls(connection, mass_email, template)


async def check_tracking_urls(
    connection: Queryable, mass_email: MassEmail, template: EmailTemplate | None = None
) -> None:
    """See that its template names no tracking URL of another campaign.

    Raises:
        InvalidInput: it does.
    """
    template = template or await _template(connection, mass_email)
    if template is None:
        return
    rows = await connection.fetch(load(__package__, "list_ids_of_tracking_urls"), mass_email.campaign_id)
    texts = (template.subject, template.body, template.plain_body)
    reason = foreign_tracking_urls(texts, [row["id"] for row in rows], mass_email.campaign)
    if reason is not None:
        raise InvalidInput(f"the mass e-mail {mass_email.name!r} cannot be sent: {reason}")


async def _template(connection: Queryable, mass_email: MassEmail) -> EmailTemplate | None:
    id = mass_email.email_template_id
    return None if id is None else await find_email_template(connection, str(id))

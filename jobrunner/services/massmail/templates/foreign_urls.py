"""Tracking URLs that a template names and its mailing does not have: they would go out as they are written."""

import shlex
from collections.abc import Collection

from jobrunner.services.massmail.fields import TRACKING_URL


def foreign_tracking_urls(texts: Collection[str | None], ids: Collection[int], campaign: str | None) -> str | None:
    """Return a sentence about tracking URLs that are not the campaign's; None where there are none.

    Args:
        texts: of the template.
        ids: of the campaign's tracking URLs.
        campaign: its name; None where the mailing has none.
    """
    written = {int(id) for text in texts for id in TRACKING_URL.findall(text or "")}
    foreign = sorted(written.difference(ids))
    if not foreign:
        return None
    named = ", ".join(f"{{trackingUrl:{id}}}" for id in foreign)
    if campaign is None:
        return (
            f"its template names {named}, and it has no campaign whose tracking URL that could be: take it out of the "
            "template, or add the mass e-mail with --campaign"
        )
    which = "which is no tracking URL" if len(foreign) == 1 else "which are no tracking URLs"
    helps = f"`jobrunner campaign show {shlex.quote(campaign)}` lists those"
    return f"its template names {named}, {which} of its campaign {campaign!r}: {helps}"

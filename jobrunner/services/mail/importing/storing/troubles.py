"""Mails that could not be read: what is kept of them, so that a later version reads them again."""

import logging
from collections.abc import Sequence

from jobrunner.services.mail.importing.storing.batch import Batch, Taken
from jobrunner.services.mail.importing.storing.rows import TROUBLE_LIMIT

log = logging.getLogger("jobrunner.mail")


async def record_troubles(batch: Batch, taken: Sequence[Taken]) -> None:
    """Note what could not be read or stored, so that it is read again: by a later version, or a later run."""
    troubled = [one for one in taken if one.mail.trouble is not None]
    if not troubled:
        return
    for one in troubled:
        log.warning("mail %s: %s; it is kept as a file", one.mail.message_id or one.fetched.uid, one.mail.trouble)
    await batch.fetch(
        "record_failures", *batch.place, batch.folder.uid_validity,
        [one.fetched.stage for one in troubled],
        [one.fetched.uid for one in troubled],
        [(one.mail.trouble or "")[:TROUBLE_LIMIT] for one in troubled],
        [one.email_id for one in troubled],
        [one.mail.attachments[0].sha256 for one in troubled],
    )  # fmt: skip

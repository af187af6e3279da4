"""What mails are about: the record that they name, that of the mail they answer, or whose address they have."""

from collections.abc import Sequence
from typing import Any

from jobrunner.services.mail.importing.parsing import ParsedMail
from jobrunner.services.mail.importing.storing.batch import Batch, Taken
from jobrunner.services.mail.importing.storing.rows import rows_as_json

TYPES = ("Account", "Contact", "Lead", "Opportunity", "Case")
"""Of records that a mail may be about."""


async def set_parents(batch: Batch, created: Sequence[Taken]) -> dict[int, tuple[str, str]]:
    """Find what the new mails are about; first those that others among them answer."""
    parents: dict[int, tuple[str, str]] = {}
    waiting = list(created)
    while waiting:
        ids = {one.email_id for one in waiting}
        ready = [one for one in waiting if batch.replied.get(one.email_id) not in ids] or waiting
        rows = await batch.fetch("set_parents", rows_as_json([_evidence(batch, one) for one in ready]), batch.b2c)
        parents |= {row["id"]: (row["parent_type"], row["parent_id"]) for row in rows}
        done = {one.email_id for one in ready}
        waiting = [one for one in waiting if one.email_id not in done]
    return parents


def _evidence(batch: Batch, one: Taken) -> dict[str, Any]:
    named = _named_record(batch, one.mail) or (None, None)
    addresses = [*one.mail.sender[:1], *one.mail.reply_to[:1], *one.mail.to[:1]]
    keys = list(dict.fromkeys(address.key for address in addresses if address.key))
    return {"email_id": one.email_id, "named_type": named[0], "named_id": named[1], "address_keys": keys}


def _named_record(batch: Batch, mail: ParsedMail) -> tuple[str, str] | None:
    """Return the record that an id of ours among the references names, the newest first."""
    if batch.record_ids is None:
        return None
    for id in (*mail.in_reply_to, *reversed(mail.references)):
        said = batch.record_ids.read(id)
        if said is not None and said.entity_type in TYPES:
            return said.entity_type, said.entity_id
    return None

"""The mails themselves: what is new is inserted with its addresses, references and files; what is known is found."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from jobrunner.errors import LimitExceeded
from jobrunner.services.mail.importing.parsing.keys import reused_key
from jobrunner.services.mail.importing.storing.batch import Batch, Taken
from jobrunner.services.mail.importing.storing.rows import (
    attachment_row,
    from_key,
    recipient_rows,
    references_of,
    row_of,
)

ROUNDS = 10
"""How often it is asked who else stores the same mails at this moment."""


@dataclass(frozen=True)
class _Known:
    """A mail that is there, as far as it tells copies from others with the same id."""

    id: int
    key: str
    from_key: str | None
    digest: str


async def store_mails(batch: Batch, taken: Sequence[Taken]) -> None:
    """Insert what is new, and find what is not."""
    waiting = list(taken)
    for _ in range(ROUNDS):
        known = await _known(batch, waiting)
        new: dict[str, Taken] = {}
        for one in waiting:
            same = _same(one, known)
            if same is not None:
                one.key, one.email_id = same.key, same.id
                continue
            ref = one.mail.message_key
            copies = known.setdefault(ref, [])
            one.key = reused_key(ref, one.mail.text_digest) if copies else ref
            copies.append(_Known(0, one.key, from_key(one.mail), one.mail.text_digest))
            new[one.key] = one
        inserted = await _insert(batch, list(new.values()))
        for one in waiting:
            if not one.email_id and one.key in inserted:
                one.email_id = inserted[one.key]
                one.is_new = new[one.key] is one
        # What was inserted neither by us nor before we looked: somebody else has, just now.
        waiting = [one for one in waiting if not one.email_id]
        if not waiting:
            break
    else:
        raise LimitExceeded(f"{len(waiting)} mails could be neither inserted nor found in {ROUNDS} rounds")
    created = [one for one in taken if one.is_new]
    if created:
        await _insert_parts(batch, created)


async def _known(batch: Batch, waiting: Sequence[Taken]) -> dict[str, list[_Known]]:
    rows = await batch.fetch("find_copies", sorted({one.mail.message_key for one in waiting}))
    known: dict[str, list[_Known]] = {}
    for row in rows:
        copy = _Known(row["id"], row["message_key"], row["from_key"], row["text_digest"])
        known.setdefault(row["message_ref"], []).append(copy)
    return known


def _same(one: Taken, known: dict[str, list[_Known]]) -> _Known | None:
    """Return the mail that this one is a copy of: it differs from any other in From as well as in text."""
    for copy in known.get(one.mail.message_key, ()):
        if copy.from_key == from_key(one.mail) or copy.digest == one.mail.text_digest:
            return copy
    return None


async def _insert(batch: Batch, new: Sequence[Taken]) -> dict[str, int]:
    rows = await batch.insert("insert_emails", (_row_of(one) for one in new))
    return {row["message_key"]: row["id"] for row in rows}


def _row_of(one: Taken) -> dict[str, Any]:
    mail = one.mail
    return {
        **row_of(mail, one.fetched.received),
        "group_folder_id": one.group_folder_id,
        "message_key": one.key,
        "message_ref": mail.message_key,
        "message_id": mail.message_id,
    }


async def _insert_parts(batch: Batch, created: Sequence[Taken]) -> None:
    recipients = (row for one in created for row in recipient_rows(one.email_id, one.mail))
    await batch.insert("insert_recipients", recipients)
    references = [
        (one.email_id, position, ref) for one in created for position, ref in enumerate(references_of(one.mail))
    ]
    if references:
        await batch.fetch("insert_references", *map(list, zip(*references, strict=True)))
    files = (
        attachment_row(one.email_id, position, file)
        for one in created
        for position, file in enumerate(one.mail.attachments)
    )
    await batch.insert("insert_attachments", files)
    ids = [one.email_id for one in created]
    if references:
        linked = await batch.fetch("link_replies", ids)
        batch.replied = {row["id"]: row["replied_id"] for row in linked}
    earlier = await batch.fetch("link_earlier_replies", ids)
    if references or earlier:
        await batch.fetch("thread_mails", [*ids, *(row["id"] for row in earlier)])

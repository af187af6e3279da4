"""A folder that was numbered anew: what is known is recognised by its id, and not downloaded again."""

import re
from collections import defaultdict
from collections.abc import Sequence
from contextlib import aclosing

from jobrunner.services.mail.imap import Details, Mailbox
from jobrunner.services.mail.importing.parsing.ids import read_id
from jobrunner.services.mail.importing.parsing.keys import message_ref
from jobrunner.services.mail.importing.storing import FolderRef
from jobrunner.services.mailbox.fetching.desk import Desk

SECTION = "HEADER.FIELDS (MESSAGE-ID)"
FIELD = re.compile(rb"message-id[ \t]*:((?:[^\r\n]|\r?\n[ \t])*)", re.IGNORECASE)
BATCH = 100


async def unknown(desk: Desk, mailbox: Mailbox, folder: FolderRef, details: Sequence[Details]) -> list[Details]:
    """Return those that are not known; of the others it is noted under which UIDs they are found now.

    Known is what came by this account with the same Message-ID and the same size. All else is downloaded, and compared
    as a whole.
    """
    refs = await _refs(mailbox, details)
    ref = desk.account.ref
    rows = await desk.fetch("find_recognised", ref.kind, ref.id, sorted(set(refs.values())))
    mails: defaultdict[tuple[str, int], list[int]] = defaultdict(list)
    for row in rows:
        mails[row["message_ref"], row["size"]].append(row["id"])
    found: dict[int, int] = {}
    for one in details:
        same = mails[refs[one.uid], one.size] if one.uid in refs else []
        if len(same) == 1 and same[0] not in found:
            found[same[0]] = one.uid
    if found:
        place = (ref.kind, ref.id, folder.name, ref.epoch, folder.uid_validity)
        await desk.fetch("renumber_copies", *place, list(found), list(found.values()))
        desk.counts["Merged"] += len(found)
        desk.advance(len(found))
    known = set(found.values())
    return [one for one in details if one.uid not in known]


async def _refs(mailbox: Mailbox, details: Sequence[Details]) -> dict[int, str]:
    """Ask for the ids; those that have none, or are not handed over, are left out."""
    uids = [one.uid for one in details]
    batches = [uids[begin : begin + BATCH] for begin in range(0, len(uids), BATCH)]
    refs: dict[int, str] = {}
    async with aclosing(mailbox.fetch(batches, section=SECTION)) as messages:
        async for message in messages:
            field = FIELD.search(message.source)
            id = read_id(field[1].strip()) if field is not None else None
            if id is not None:
                refs[message.uid] = message_ref(id)
    return refs

"""Imports what was fetched from one folder: all of it with its checkpoint, or nothing (see the package)."""

import json
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import asyncpg

from jobrunner.db.connection import REPEATABLE
from jobrunner.db.sql import load
from jobrunner.errors import Conflict, LimitExceeded
from jobrunner.services.mail.importing.parsing import MailAddress, ParsedAttachment, ParsedMail
from jobrunner.services.mail.importing.parsing.dates import date_sent
from jobrunner.services.mail.importing.parsing.keys import message_ref, reused_key
from jobrunner.services.mail.importing.storing.files import discard_staged, settle_files, staged_files
from jobrunner.services.mail.importing.storing.filters import Filter, account_filters, first_match, user_filters
from jobrunner.services.mail.importing.storing.outcome import AccountRef, Fetched, FolderRef, Outcome
from jobrunner.services.mail.importing.storing.record_ids import RecordIds

log = logging.getLogger("jobrunner.mail")

REPEATS = 3
"""How often an import is begun that ended in a deadlock or a serialization failure."""
ROUNDS = 10
"""How often it is asked who else stores the same mails at this moment."""
SUBJECT_LIMIT = 255
NO_SUBJECT = "(No Subject)"
REFERENCES = 100
TROUBLE_LIMIT = 1000

ClaimBounce = Callable[[Any, ParsedMail], Awaitable[bool]]
"""Asked, in the transaction, whether a report belongs to a mailing of ours; if so it is theirs, and not imported."""
FollowUp = Callable[[Any, list[Outcome]], Awaitable[None]]
"""Called at the end of the transaction, to enqueue what follows: jobs of their own."""


class EpochChanged(Conflict):
    """The account was reset or removed while its mail was fetched: nothing was written."""


@dataclass(frozen=True)
class Importer:
    """How to import; one for many batches."""

    root: Path
    """The folder of files."""
    record_ids: RecordIds | None = None
    """None: no references name records, and notifications of our own are imported like any mail."""
    b2c: bool = False
    """A contact itself is the parent of its mail, not its account."""
    claim_bounce: ClaimBounce | None = None
    """For group accounts."""
    follow_up: FollowUp | None = None

    async def import_batch(
        self, connection: Any, account: AccountRef, folder: FolderRef, messages: Sequence[Fetched]
    ) -> list[Outcome]:
        """Import messages of one folder, in ascending UIDs, and move its checkpoint behind the last of them.

        `connection` is one of asyncpg and in no transaction.

        Raises:
            EpochChanged: the account was reset or removed.
            Conflict: the connection is in a transaction.
        """
        if connection.is_in_transaction():
            raise Conflict("an import begins its own transaction, and cannot be part of another one")
        staged = staged_files(message.mail for message in messages)
        await settle_files(connection, self.root, staged)
        for attempt in range(REPEATS):
            try:
                async with connection.transaction():
                    return await _Batch(self, connection, account, folder).run(messages)
            except REPEATABLE:
                if attempt == REPEATS - 1:
                    raise
        raise AssertionError("unreachable")

    async def discard(self, messages: Sequence[Fetched]) -> None:
        """Remove the files of messages that were read and will not be imported."""
        await discard_staged(self.root, staged_files(message.mail for message in messages))


async def import_batch(
    connection: Any, account: AccountRef, folder: FolderRef, messages: Sequence[Fetched], *, root: Path
) -> list[Outcome]:
    """Import messages as `Importer.import_batch` does, with nothing that follows."""
    return await Importer(root).import_batch(connection, account, folder, messages)


@dataclass
class _Taken:
    """A message that is to be stored."""

    fetched: Fetched
    filter: Filter | None
    user_ids: list[str]
    team_ids: list[str]
    group_folder_id: int | None
    key: str = ""
    email_id: int = 0
    is_new: bool = False

    @property
    def mail(self) -> ParsedMail:
        return self.fetched.mail


@dataclass(frozen=True)
class _Known:
    """A mail that is there, as far as it tells copies from others with the same id."""

    id: int
    key: str
    from_key: str | None
    digest: str


class _Batch:
    """One import."""

    def __init__(self, importer: Importer, connection: "asyncpg.Connection", account: AccountRef, folder: FolderRef):  # noqa: ANN204
        self.importer = importer
        self.connection = connection
        self.account = account
        self.folder = folder
        self.place = (account.kind, account.id, folder.name)
        self.replied: dict[int, int] = {}
        """What the new mails answer."""

    async def run(self, messages: Sequence[Fetched]) -> list[Outcome]:
        """Import; in a transaction."""
        await self._fetch("turn_jit_off")
        owner = await self._owner()
        last_uid = await self._last_uid()
        outcomes: dict[int, Outcome] = {}
        taken: list[_Taken] = []
        filters = await account_filters(self.connection, self.account)
        for message in messages:
            outcome = await self._refused(message, last_uid, filters)
            if outcome is not None:
                outcomes[message.uid] = outcome
                continue
            filter = first_match(filters, message.mail)
            group_folder = filter.group_folder_id if filter else owner["group_folder_id"]
            taken.append(_Taken(message, filter, list(owner["user_ids"]), list(owner["team_ids"]), group_folder))
        if taken:
            await self._add_folder_members(taken)
            await self._store(taken)
            outcomes |= await self._deliver(taken, owner)
            await self._record_troubles(taken)
        if messages:
            last = max(messages, key=lambda message: message.uid)
            received = max(message.received for message in messages)
            await self._fetch(
                "advance_folder", *self.place, self.account.epoch, self.folder.uid_validity, last.uid, received
            )
        ordered = [outcomes[message.uid] for message in messages]
        if self.importer.follow_up is not None:
            await self.importer.follow_up(self.connection, ordered)
        return ordered

    async def _fetch(self, statement: str, *arguments: Any) -> list[Any]:
        rows: list[Any] = await self.connection.fetch(load(__package__, statement), *arguments)
        return rows

    async def _owner(self) -> Any:
        statement = "read_personal_account" if self.account.kind == "Personal" else "read_group_account"
        rows = await self._fetch(statement, self.account.id, self.folder.name)
        if not rows or rows[0]["epoch"] != self.account.epoch:
            raise EpochChanged(
                f"the account {self.account.id} was {'reset' if rows else 'removed'} while its mail was fetched"
            )
        return rows[0]

    async def _last_uid(self) -> int:
        """Lock the folder; return up to which UID all is done, 0 where the checkpoint is of other UIDs."""
        (row,) = await self._fetch("lock_folder", *self.place, self.account.epoch, self.folder.uid_validity)
        if (row["epoch"], row["uid_validity"]) != (self.account.epoch, self.folder.uid_validity):
            return 0
        last: int = row["last_uid"]
        return last

    async def _refused(self, message: Fetched, last_uid: int, filters: Sequence[Filter]) -> Outcome | None:
        """Return what becomes of a message that is not imported, None of any other."""
        mail = message.mail
        if message.uid <= last_uid:
            return Outcome(message.uid, "Known", mail)
        ids = self.importer.record_ids
        if ids is not None and mail.message_id is not None:
            said = ids.read(mail.message_id)
            if said is not None and said.is_notification:
                return Outcome(message.uid, "Dropped", mail)
        if await self._is_bounce_of_ours(mail):
            return Outcome(message.uid, "Bounce", mail)
        filter = first_match(filters, mail)
        if filter is not None and filter.action == "Skip":
            log.info(
                "the mail %s in %s of account %s is skipped by the filter %s",
                mail.message_id or message.uid, self.folder.name, self.account.id, filter.name,
            )  # fmt: skip
            return Outcome(message.uid, "Skipped", mail, filter=filter.name)
        return None

    async def _is_bounce_of_ours(self, mail: ParsedMail) -> bool:
        claim = self.importer.claim_bounce
        if claim is None or mail.bounce is None or self.account.kind != "Group":
            return False
        try:
            async with self.connection.transaction():
                return await claim(self.connection, mail)
        except (*REPEATABLE, asyncpg.PostgresConnectionError, asyncpg.InterfaceError):
            raise
        except Exception:  # a fault there must not cost the mail: it is imported like any other
            log.exception("a report of delivery could not be judged and is imported as a mail")
            return False

    async def _add_folder_members(self, taken: Sequence[_Taken]) -> None:
        """Give what a filter moves to a group folder to that folder's teams and their users."""
        moved = [one for one in taken if one.filter is not None and one.group_folder_id is not None]
        if not moved:
            return
        rows = await self._fetch(
            "read_group_folder", sorted({one.group_folder_id for one in moved if one.group_folder_id})
        )
        members = {row["group_folder_id"]: row for row in rows}
        for one in moved:
            if (row := members.get(one.group_folder_id)) is not None:
                one.user_ids = sorted({*one.user_ids, *row["user_ids"]})
                one.team_ids = sorted({*one.team_ids, *row["team_ids"]})

    # Mails

    async def _store(self, taken: Sequence[_Taken]) -> None:
        """Insert what is new, and find what is not."""
        waiting = list(taken)
        for _ in range(ROUNDS):
            known = await self._known(waiting)
            new: dict[str, _Taken] = {}
            for one in waiting:
                same = self._same(one, known)
                if same is not None:
                    one.key, one.email_id = same.key, same.id
                    continue
                ref = self._ref(one)
                copies = known.setdefault(ref, [])
                one.key = reused_key(ref, one.mail.text_digest) if copies else ref
                copies.append(_Known(0, one.key, _from_key(one.mail), one.mail.text_digest))
                new[one.key] = one
            inserted = await self._insert(list(new.values()))
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
            await self._insert_parts(created)

    async def _known(self, waiting: Sequence[_Taken]) -> dict[str, list[_Known]]:
        rows = await self._fetch("find_copies", sorted({self._ref(one) for one in waiting}))
        known: dict[str, list[_Known]] = {}
        for row in rows:
            copy = _Known(row["id"], row["message_key"], row["from_key"], row["text_digest"])
            known.setdefault(row["message_ref"], []).append(copy)
        return known

    @staticmethod
    def _ref(one: _Taken) -> str:
        return one.mail.message_key

    def _same(self, one: _Taken, known: dict[str, list[_Known]]) -> _Known | None:
        """Return the mail that this one is a copy of: it differs from any other in From as well as in text."""
        for copy in known.get(self._ref(one), ()):
            if copy.from_key == _from_key(one.mail) or copy.digest == one.mail.text_digest:
                return copy
        return None

    async def _insert(self, new: Sequence[_Taken]) -> dict[str, int]:
        if not new:
            return {}
        rows = await self._fetch("insert_emails", rows_as_json([_row_of(one) for one in new]))
        return {row["message_key"]: row["id"] for row in rows}

    async def _insert_parts(self, created: Sequence[_Taken]) -> None:
        recipients = [row for one in created for row in recipient_rows(one.email_id, one.mail)]
        if recipients:
            await self._fetch("insert_recipients", rows_as_json(recipients))
        references = [
            (one.email_id, position, ref) for one in created for position, ref in enumerate(references_of(one.mail))
        ]
        if references:
            await self._fetch("insert_references", *map(list, zip(*references, strict=True)))
        files = [
            attachment_row(one.email_id, position, file)
            for one in created
            for position, file in enumerate(one.mail.attachments)
        ]
        if files:
            await self._fetch("insert_attachments", rows_as_json(files))
        ids = [one.email_id for one in created]
        if references:
            linked = await self._fetch("link_replies", ids)
            self.replied = {row["id"]: row["replied_id"] for row in linked}
        earlier = await self._fetch("link_earlier_replies", ids)
        if references or earlier:
            await self._fetch("thread_mails", [*ids, *(row["id"] for row in earlier)])

    # Who gets them

    async def _deliver(self, taken: Sequence[_Taken], owner: Any) -> dict[int, Outcome]:
        one_each = {one.email_id: one for one in reversed(taken)}
        copies = await self._fetch(
            "insert_copies", *self.place, self.folder.uid_validity,
            list(one_each), [one.fetched.uid for one in one_each.values()],
        )  # fmt: skip
        first_here = {row["email_id"] for row in copies if row["is_new"]}
        created = [one for one in taken if one.is_new]
        parents = await self._set_parents(created)
        teams = sorted({(one.email_id, team) for one in taken for team in one.team_ids})
        if teams:
            await self._fetch("insert_teams", *map(list, zip(*teams, strict=True)))
        if any(one.email_id in parents or one.email_id in self.replied for one in created):
            await self._fetch("inherit_teams", [one.email_id for one in created])
        merged = [one for one in taken if not one.is_new and one.group_folder_id is not None]
        if merged:
            await self._fetch(
                "set_group_folders", [one.email_id for one in merged], [one.group_folder_id for one in merged]
            )
        added, silent = await self._add_users(taken, owner)
        outcomes: dict[int, Outcome] = {}
        for one in taken:
            users = tuple(added.pop(one.email_id, ()))
            outcomes[one.fetched.uid] = Outcome(
                one.fetched.uid,
                "Imported" if one.is_new else "Merged",
                one.mail,
                one.email_id,
                one.filter.name if one.filter else None,
                one.email_id in first_here and one_each[one.email_id] is one,
                users,
                tuple(user for user in users if (one.email_id, user) not in silent),
                parents.get(one.email_id),
            )
        return outcomes

    async def _add_users(
        self, taken: Sequence[_Taken], owner: Any
    ) -> tuple[dict[int, list[str]], set[tuple[int, str]]]:
        """Give the mails to their users by each user's filters; return who is new, and who is not to be told."""
        filters = await user_filters(self.connection, sorted({user for one in taken for user in one.user_ids}))
        rows: dict[tuple[int, str], dict[str, Any]] = {}
        for one in taken:
            for user in one.user_ids:
                if (one.email_id, user) not in rows:
                    rows[one.email_id, user] = self._user_row(one, user, filters.get(user, ()), owner)
        if not rows:
            return {}, set()
        added: dict[int, list[str]] = {}
        for row in await self._fetch("insert_users", rows_as_json(list(rows.values()))):
            if row["is_new"]:
                added.setdefault(row["email_id"], []).append(row["user_id"])
        silent = {place for place, row in rows.items() if row["skip_notification"] or row["is_read"] or row["in_trash"]}
        return {id: sorted(users) for id, users in added.items()}, silent

    def _user_row(self, one: _Taken, user: str, filters: Sequence[Filter], owner: Any) -> dict[str, Any]:
        filter = first_match(filters, one.mail)
        is_owner = self.account.kind == "Personal"
        moved = filter is not None and filter.action == "Move to Folder"
        return {
            "email_id": one.email_id,
            "user_id": user,
            "folder_id": filter.folder_id if filter is not None and moved else owner["folder_id"],
            "is_assigned": user == owner["assigned_user_id"],
            "is_read": (is_owner and "\\Seen" in one.fetched.flags) or bool(filter and filter.mark_as_read),
            "is_important": is_owner and "\\Flagged" in one.fetched.flags,
            "in_trash": filter is not None and filter.action == "Skip",
            "skip_notification": bool(filter and filter.skip_notification),
        }

    async def _set_parents(self, created: Sequence[_Taken]) -> dict[int, tuple[str, str]]:
        """Find what the new mails are about; first those that others among them answer."""
        parents: dict[int, tuple[str, str]] = {}
        waiting = list(created)
        while waiting:
            ids = {one.email_id for one in waiting}
            ready = [one for one in waiting if self.replied.get(one.email_id) not in ids] or waiting
            rows = await self._fetch(
                "set_parents", rows_as_json([self._evidence(one) for one in ready]), self.importer.b2c
            )
            parents |= {row["id"]: (row["parent_type"], row["parent_id"]) for row in rows}
            done = {one.email_id for one in ready}
            waiting = [one for one in waiting if one.email_id not in done]
        return parents

    def _evidence(self, one: _Taken) -> dict[str, Any]:
        named = self._named_record(one.mail) or (None, None)
        addresses = [*one.mail.sender[:1], *one.mail.reply_to[:1], *one.mail.to[:1]]
        keys = list(dict.fromkeys(address.key for address in addresses if address.key))
        return {"email_id": one.email_id, "named_type": named[0], "named_id": named[1], "address_keys": keys}

    def _named_record(self, mail: ParsedMail) -> tuple[str, str] | None:
        """Return the record that an id of ours among the references names, the newest first."""
        if self.importer.record_ids is None:
            return None
        for id in (*mail.in_reply_to, *reversed(mail.references)):
            said = self.importer.record_ids.read(id)
            if said is not None and said.entity_type in ("Account", "Contact", "Lead", "Opportunity", "Case"):
                return said.entity_type, said.entity_id
        return None

    async def _record_troubles(self, taken: Sequence[_Taken]) -> None:
        """Note what could not be read, so that it is read again by a later version."""
        troubled = [one for one in taken if one.mail.trouble is not None]
        if not troubled:
            return
        for one in troubled:
            log.warning("mail %s: %s; it is kept as a file", one.mail.message_id or one.fetched.uid, one.mail.trouble)
        await self._fetch(
            "record_failures", *self.place, self.folder.uid_validity, "parse",
            [one.fetched.uid for one in troubled],
            [(one.mail.trouble or "")[:TROUBLE_LIMIT] for one in troubled],
            [one.email_id for one in troubled],
            [one.mail.attachments[0].sha256 for one in troubled],
        )  # fmt: skip


def _row_of(one: _Taken) -> dict[str, Any]:
    mail = one.mail
    return {
        **row_of(mail, one.fetched.received),
        "group_folder_id": one.group_folder_id,
        "message_key": one.key,
        "message_ref": mail.message_key,
        "message_id": mail.message_id,
    }


def row_of(mail: ParsedMail, received: datetime) -> dict[str, Any]:
    """Return the columns of a mail that depend on what was read of it."""
    source = mail.attachments[0].sha256 if mail.trouble is not None else None
    return {
        "date_sent": date_sent(mail.date, received).isoformat(),
        "delivery_date": received.isoformat(),
        "size": mail.size,
        "is_auto_reply": mail.marks.is_auto_reply,
        "is_automatic": mail.marks.is_automatic,
        "has_attachments": any(not file.is_inline for file in mail.attachments),
        "text_digest": mail.text_digest,
        "subject": mail.subject[:SUBJECT_LIMIT] or NO_SUBJECT,
        "from_key": _from_key(mail),
        "from_string": mail.from_string,
        "reply_to_string": mail.reply_to_string,
        "return_path": mail.marks.return_path,
        "never_answer": list(mail.marks.never_answer),
        "date_header": mail.date_header,
        "body_plain": mail.text,
        "body_html": mail.html,
        "ics": mail.ics,
        "header": mail.header,
        "trouble": None if mail.trouble is None else mail.trouble[:TROUBLE_LIMIT],
        "source_sha256": source.hex() if source is not None else None,
    }


def _from_key(mail: ParsedMail) -> str | None:
    return next((address.key for address in mail.sender if address.key), None)


def recipient_rows(email_id: int, mail: ParsedMail) -> list[dict[str, Any]]:
    """Return the addresses of a mail as rows."""
    roles: list[tuple[str, tuple[MailAddress, ...]]] = [
        ("From", mail.sender), ("To", mail.to), ("Cc", mail.cc), ("Reply-To", mail.reply_to)
    ]  # fmt: skip
    return [
        {
            "email_id": email_id,
            "role": role,
            "position": position,
            "address_key": address.key,
            "address": address.address,
            "name": address.name,
        }
        for role, addresses in roles
        for position, address in enumerate(addresses)
    ]


def references_of(mail: ParsedMail) -> list[str]:
    """Return what a mail answers: In-Reply-To, then References from the newest to the oldest."""
    ids = dict.fromkeys((*mail.in_reply_to, *reversed(mail.references)))
    return list(dict.fromkeys(message_ref(id) for id in ids))[:REFERENCES]


def attachment_row(email_id: int, position: int, file: ParsedAttachment) -> dict[str, Any]:
    """Return a file of a mail as a row."""
    return {
        "email_id": email_id,
        "position": position,
        "name": file.name,
        "content_type": file.content_type,
        "size": file.size,
        "sha256": file.sha256.hex() if file.sha256 is not None else None,
        "content_id": file.content_id,
        "is_inline": file.is_inline,
        "section": file.section,
    }


def rows_as_json(rows: list[dict[str, Any]]) -> str:
    """Return rows as a statement takes them."""
    return json.dumps(rows, ensure_ascii=False)

"""Accounts that are read, as they may be shown: of secrets only that they are there."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from datetime import date, datetime
from typing import ClassVar, Literal

from jobrunner.services.mail.importing.storing.outcome import Kind
from jobrunner.services.mailbox.accounts.entry import GroupEntry, MailboxEntry, PersonalEntry


@dataclass(frozen=True, slots=True, kw_only=True)
class MailboxRecord:
    """What the rows of both kinds have in common."""

    kind: ClassVar[Kind]
    entry_type: ClassVar[type[MailboxEntry]]

    id: int
    name: str
    email_address: str
    status: Literal["Active", "Inactive"]
    use_imap: bool
    host: str | None
    port: int
    security: Literal["ssl", "tls", "none"]
    username: str | None
    login: Literal["auto", "plain", "login", "cram-md5", "xoauth2"]
    oauth_token_url: str | None
    oauth_client_id: str | None
    oauth_scope: str | None
    monitored_folders: tuple[str, ...]
    fetch_since: date | None
    keep_fetched_emails_unread: bool
    idle: bool
    store_sent_emails: bool
    sent_folder: str | None
    smtp_account_id: int | None
    guarded: bool
    secrets: tuple[str, ...]
    """The columns in which something is sealed."""
    epoch: int
    created_at: datetime
    modified_at: datetime

    def entry(self) -> MailboxEntry:
        """Return it as it would be entered, its secrets as those that stay."""
        names = {field.name for field in fields(self.entry_type)} - {"secrets"}
        values = {name: value for name, value in asdict(self).items() if name in names}
        return self.entry_type(**values, secrets=dict.fromkeys(self.secrets, True))


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonalRecord(MailboxRecord):
    """A row of `email_account`."""

    kind = "Personal"
    entry_type = PersonalEntry

    assigned_user_id: str
    email_folder_id: int | None
    folder_map: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupRecord(MailboxRecord):
    """A row of `inbound_email`."""

    kind = "Group"
    entry_type = GroupEntry

    teams: tuple[str, ...]
    add_all_team_users: bool
    group_email_folder_id: int | None
    assign_to_user_id: str | None
    team_id: str | None
    create_case: bool
    case_distribution: str | None
    target_user_position: str | None
    reopen_on_reply: bool
    notify_assignee: bool
    reply: bool
    reply_email_template_id: int | None
    reply_from_address: str | None
    reply_from_name: str | None
    reply_to_address: str | None
    from_name: str | None
    exclude_from_reply: bool
    takes_unsubscriptions: bool


RECORDS: dict[Kind, type[MailboxRecord]] = {"Personal": PersonalRecord, "Group": GroupRecord}

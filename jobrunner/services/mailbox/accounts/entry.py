"""What a person enters about an account that is read, checked before anything is written."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import date
from typing import Any, Literal

from pydantic import SecretStr

from jobrunner.errors import InvalidInput
from jobrunner.services.mail.address import parse_address
from jobrunner.services.mail.entries import LOGIN_SECRETS
from jobrunner.services.mail.entry_checks import (
    LOGINS,
    SECURITIES,
    STATUSES,
    check_choice,
    check_host,
    check_line,
    check_login,
    check_range,
    check_secrets,
)

DISTRIBUTIONS = ("Direct-Assignment", "Round-Robin", "Least-Busy")
CHOICES = {"status": STATUSES, "security": SECURITIES, "login": LOGINS, "case_distribution": DISTRIBUTIONS}
SECRETS = LOGIN_SECRETS
"""Columns that are sealed."""
LINES = {"username": 320, "oauth_client_id": 1000, "oauth_scope": 1000, "sent_folder": 1000}
"""Texts of one line, and how long they may be."""
GROUP_LINES = {"target_user_position": 255, "reply_from_name": 255, "from_name": 255}
NAME_LIMIT = 255
ADDRESS_LIMIT = 100
FOLDER_LIMIT = 1000
FOLDERS_LIMIT = 100


@dataclass(frozen=True, kw_only=True)
class MailboxEntry:
    """What is entered about an account of either kind. `check` refuses what cannot be right."""

    name: str
    email_address: str
    status: str = "Active"
    use_imap: bool = True
    host: str | None = None
    port: int = 993
    security: str = "ssl"
    username: str | None = None
    login: str = "auto"
    oauth_token_url: str | None = None
    oauth_client_id: str | None = None
    oauth_scope: str | None = None
    monitored_folders: tuple[str, ...] = ("INBOX",)
    """Names in Unicode; `*` stands for any run of characters."""
    fetch_since: date | None = None
    keep_fetched_emails_unread: bool = False
    idle: bool = True
    store_sent_emails: bool = False
    sent_folder: str | None = None
    smtp_account_id: int | None = None
    guarded: bool = False
    """Entered by somebody who is no administrator: its servers may not be internal ones, unless that is allowed."""
    secrets: dict[str, SecretStr | Literal[True]] = field(default_factory=dict, repr=False)
    """By their columns (`SECRETS`); True for one that stands sealed in the row and stays."""

    def columns(self) -> dict[str, Any]:
        """Return what goes into the row as it is: all but the secrets."""
        return {f.name: getattr(self, f.name) for f in fields(self) if f.name != "secrets"}

    def check(self) -> None:
        """Refuse what cannot be right.

        Raises:
            InvalidInput: names the field and says what it must be; a secret is never shown.
        """
        self._check_name()
        for column, allowed in CHOICES.items():
            if (value := getattr(self, column, None)) is not None:
                check_choice(column, value, allowed)
        check_range("port", self.port, 1, 65535)
        for column, longest in LINES.items():
            check_line(column, getattr(self, column), longest)
        check_secrets(self.secrets)
        check_email_address("email_address", self.email_address)
        self._check_folders()
        if self.host is not None:
            check_host(self.host)
        if self.use_imap:
            self._check_imap()

    def _check_name(self) -> None:
        name = self.name
        if not name.isprintable() or name != name.strip() or not 1 <= len(name) <= NAME_LIMIT:
            raise InvalidInput(f"the name must be 1 to {NAME_LIMIT} letters in one line, got {name[:120]!r}")
        if name.isdecimal():
            raise InvalidInput(f"{name!r} cannot be a name: ids are numbers")

    def _check_folders(self) -> None:
        if not 1 <= len(self.monitored_folders) <= FOLDERS_LIMIT:
            raise InvalidInput(f"an account reads 1 to {FOLDERS_LIMIT} folders, got {len(self.monitored_folders)}")
        for folder in self.monitored_folders:
            check_line("folder", folder, FOLDER_LIMIT)
        if self.store_sent_emails and self.sent_folder is None:
            raise InvalidInput("to store sent mail, the folder for it must be named")

    def _check_imap(self) -> None:
        if self.host is None or self.username is None:
            raise InvalidInput("an account that is read needs the host of the IMAP server and the username")
        if self.fetch_since is None:
            raise InvalidInput("an account that is read needs the day from which on mail is fetched")
        check_login(
            host=self.host,
            security=self.security,
            login=self.login,
            oauth_token_url=self.oauth_token_url,
            oauth_client_id=self.oauth_client_id,
            secrets=self.secrets,
            without="an account that is not read needs none",
        )


@dataclass(frozen=True, kw_only=True)
class PersonalEntry(MailboxEntry):
    """A personal account: its mail goes to one user."""

    assigned_user_id: str
    email_folder_id: int | None = None
    folder_map: Mapping[str, int] = field(default_factory=dict)
    """Folder at the server to the id of the owner's folder."""

    def check(self) -> None:
        """Refuse what cannot be right."""
        super().check()
        for folder in self.folder_map:
            check_line("folder", folder, FOLDER_LIMIT)


@dataclass(frozen=True, kw_only=True)
class GroupEntry(MailboxEntry):
    """A group account: its mail goes to teams, and may open cases and be answered."""

    teams: tuple[str, ...] = ()
    """Ids."""
    add_all_team_users: bool = True
    group_email_folder_id: int | None = None
    assign_to_user_id: str | None = None
    team_id: str | None = None
    """Of its cases."""
    create_case: bool = False
    case_distribution: str | None = "Direct-Assignment"
    target_user_position: str | None = None
    reopen_on_reply: bool = False
    notify_assignee: bool = True
    reply: bool = False
    reply_email_template_id: int | None = None
    reply_from_address: str | None = None
    reply_from_name: str | None = None
    reply_to_address: str | None = None
    from_name: str | None = None
    exclude_from_reply: bool = False
    takes_unsubscriptions: bool = False
    """Mass mail offers its address to unsubscribe by mail."""

    def check(self) -> None:
        """Refuse what cannot be right."""
        super().check()
        for column, longest in GROUP_LINES.items():
            check_line(column, getattr(self, column), longest)
        for column in ("reply_from_address", "reply_to_address"):
            if (address := getattr(self, column)) is not None:
                check_email_address(column, address)
        if self.reply and self.reply_email_template_id is None:
            raise InvalidInput("automatic answers need a template: --reply-template")
        if self.create_case and self.case_distribution in ("Round-Robin", "Least-Busy") and self.team_id is None:
            raise InvalidInput(
                f"cases by {self.case_distribution} need the team among whose members they are shared: --case-team"
            )


def check_email_address(column: str, address: str) -> None:
    """Refuse an address that is none, or is too long for the column."""
    parse_address(address)
    if column == "email_address" and len(address) > ADDRESS_LIMIT:
        raise InvalidInput(f"the email address must have at most {ADDRESS_LIMIT} letters")

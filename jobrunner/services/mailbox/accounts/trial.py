"""An account tried: connected to, its folders listed and counted; where that fails, in words what to do."""

import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace

from jobrunner.services.mail.certificate_advice import advise_on_certificate
from jobrunner.services.mail.imap import Account, Fault, Limits, Mailbox, MailboxError, connect
from jobrunner.services.mailbox.accounts.loading import COMMANDS, FetchAccount

MOST_COUNTED = 200
"""Folders whose messages are counted, a question to the server for each; the rest is only listed."""
LIMITS = Limits(silence=20.0, command=60.0)
"""Somebody sits there and waits."""


@dataclass(frozen=True, slots=True)
class TriedFolder:
    """A folder at the server."""

    name: str
    messages: int | None
    """None where they could not be counted, or were not."""
    unseen: int | None
    is_read: bool
    """Whether it is one of those that the account reads."""


@dataclass(frozen=True, slots=True)
class Trial:
    """What came of trying an account."""

    error: MailboxError | None = None
    advice: str | None = None
    """What to do; None where nothing is wrong."""
    hinders: bool = True
    """Whether what is to be mended hinders the reading; a Sent folder that is still to be made does not."""
    folders: tuple[TriedFolder, ...] = ()
    can_idle: bool = False
    """Whether the server tells of new mail by itself (IMAP IDLE)."""

    @property
    def worked(self) -> bool:
        """Whether mail can be fetched from all that the account reads."""
        return self.error is None and (self.advice is None or not self.hinders)


async def try_account(account: FetchAccount, *, limits: Limits = LIMITS) -> Trial:
    """Connect, log in, list the folders, count their messages and open the first that is read; nothing is changed."""
    try:
        mailbox = await connect(replace(account.imap, limits=limits))
    except MailboxError as error:
        return Trial(error, explain(account, error))
    try:
        folders = await _look(account, mailbox)
        await _open_first(mailbox, folders)
        can_idle = "IDLE" in mailbox.capabilities
    except MailboxError as error:
        return Trial(error, explain(account, error))
    finally:
        await mailbox.logout()
    missing = _about_folders(account, folders)
    advice = missing or _about_sent_folder(account, folders)
    return Trial(None, advice, missing is not None, tuple(folders), can_idle)


async def _look(account: FetchAccount, mailbox: Mailbox) -> list[TriedFolder]:
    listed = [folder.name for folder in await mailbox.folders() if folder.selectable]
    listed.sort(key=lambda name: (name != "INBOX", not is_read(account.folders, name), name.casefold()))
    found: list[TriedFolder] = []
    for place, name in enumerate(listed):
        messages = unseen = None
        if place < MOST_COUNTED:
            try:
                counts = await mailbox.counts(name)
                messages, unseen = counts.messages, counts.unseen
            except MailboxError as error:
                if not error.fault.keeps_line:
                    raise
        found.append(TriedFolder(name, messages, unseen, is_read(account.folders, name)))
    return found


async def _open_first(mailbox: Mailbox, folders: Sequence[TriedFolder]) -> None:
    """Do what a fetch does first: some servers list and count, and say nothing more when a folder is opened."""
    name = next((folder.name for folder in folders if folder.is_read), None)
    if name is not None:
        opened = await mailbox.open(name, read_only=True)
        await mailbox.search(after=max((opened.uid_next or 1) - 1, 0))


def is_read(patterns: Sequence[str], folder: str) -> bool:
    """Return whether a folder is one of these names and patterns; INBOX is that in any case of letters."""
    return any(_fits(pattern, folder) for pattern in patterns)


def _fits(pattern: str, folder: str) -> bool:
    expression = ".*".join(re.escape(piece) for piece in pattern.split("*"))
    ignored = re.IGNORECASE if pattern.upper() == "INBOX" else re.NOFLAG
    return re.fullmatch(expression, folder, ignored | re.DOTALL) is not None


def _about_folders(account: FetchAccount, folders: Sequence[TriedFolder]) -> str | None:
    """Return what to do about folders that the account reads and the server does not have."""
    names = [folder.name for folder in folders]
    missing = [one for one in account.folders if not any(_fits(one, name) for name in names)]
    if missing:
        words = ", ".join(repr(one) for one in missing)
        return f"The server has no folder {words}: name those that it lists, {_edit(account, '--folder NAME')}."
    return None


def _about_sent_folder(account: FetchAccount, folders: Sequence[TriedFolder]) -> str | None:
    if account.sent_folder is None or account.sent_folder in [folder.name for folder in folders]:
        return None
    return (
        f"The server has no folder {account.sent_folder!r} for sent mail: it is made when the first mail is stored, "
        f"unless you name one that the server lists ({_edit(account, '--sent-folder NAME')})."
    )


def explain(account: FetchAccount, error: MailboxError) -> str:
    """Return what to do about an account that could not be tried."""
    imap = account.imap
    match error.fault:
        case Fault.DNS:
            return (
                f"Check the host for a typing error ({_edit(account, '--host HOST')}), and whether this machine can "
                "look up names."
            )
        case Fault.FORBIDDEN:
            return (
                "The host's name leads to an address inside this network, and the account was entered as one of a "
                "user: an administrator lets the server through by `jobrunner settings set "
                f"email_server_allowed_address_list {imap.host}:{imap.port}`."
            )
        case Fault.REFUSED:
            return (
                f"Nobody listens on port {imap.port}: the usual ones are 993 with ssl and 143 with tls "
                f"({_edit(account, '--port 993 --security ssl')}). Else the server does not run."
            )
        case Fault.UNREACHABLE:
            return (
                f"Check host and port ({_edit(account, '--host HOST --port N')}); else a firewall may be in between, "
                "or the network is down."
            )
        case Fault.TLS:
            return _about_tls(account)
        case Fault.CERTIFICATE:
            return advise_on_certificate(error.words, _edit(account, "--host NAME"))
        case Fault.NO_LOGIN:
            return (
                "Server and account have no way to log in in common: let it be chosen, over TLS "
                f"({_edit(account, '--login auto --security ssl --port 993')}); a provider that takes tokens only "
                "wants `--login xoauth2`."
            )
        case Fault.LOGIN:
            return _about_login(account)
        case Fault.TOKEN:
            return (
                f"The login provider does not answer: check the token URL ({_edit(account, '--oauth-token-url URL')})."
            )
        case Fault.BUSY | Fault.BYE:
            return (
                "The server is there and does not serve this account now, for the reason that it gives. Try again in a "
                "while; other programs may hold too many connections to the account."
            )
        case Fault.NONSENSE:
            return (
                f"What answers on port {imap.port} is no IMAP server, or expects TLS at another moment: check host and "
                f"port, and `--security` (993 is ssl, 143 is tls; {_edit(account, '--port 993 --security ssl')})."
            )
        case Fault.TIMEOUT | Fault.LOST:
            return _about_silence(imap, error, account)
        case Fault.FLOOD:
            return "No mail server sends so much unasked: check the host, and ask whoever runs the server."
        case _:
            return "The login works; the server refuses what is needed to read mail. Ask whoever runs it why."


def _about_tls(account: FetchAccount) -> str:
    if account.imap.security == "ssl":
        change = "--security tls" + (" --port 143" if account.imap.port == 993 else "")
        return (
            f"The port {account.imap.port} may not begin with TLS: try STARTTLS ({_edit(account, change)}). Else the "
            "server's TLS is too old: its operator must bring it up to date (TLS 1.2 at least)."
        )
    return (
        f"The server offers no STARTTLS on port {account.imap.port}: use TLS from the first byte "
        f"({_edit(account, '--security ssl --port 993')}). Without TLS no password is sent."
    )


def _about_login(account: FetchAccount) -> str:
    if account.imap.oauth is not None:
        return (
            "The token is not taken: have the access granted anew and enter its refresh token "
            f"({_edit(account, '--oauth-refresh-token-file FILE')}); the scope must be one for IMAP, and the username "
            "the mailbox whose access was granted."
        )
    return (
        f"The server refuses the username {account.imap.username!r} with this password: enter it again "
        f"({_edit(account, '--ask-password')}). Providers with two-step login want a password made for applications, "
        "and some must first be told to allow IMAP."
    )


def _about_silence(imap: Account, error: MailboxError, account: FetchAccount) -> str:
    if imap.security != "ssl" and error.step == "the connection":
        change = "--security ssl" + (" --port 993" if imap.port == 143 else "")
        return (
            "Something takes the connection and does not speak IMAP: a port that expects TLS from the first byte "
            f"behaves like that ({_edit(account, change)})."
        )
    return (
        "The server was there and then said nothing more: try again. If it stays so, it is overloaded, or a firewall "
        "in between cuts connections; the server's log may say why."
    )


def _edit(account: FetchAccount, change: str) -> str:
    return f"`jobrunner {COMMANDS[account.ref.kind]} edit {shlex.quote(account.name)} {change}`"

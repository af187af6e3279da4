"""What a mass e-mail needs before its first mail: its row, its account, and all that its mails have in common."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from jobrunner.config import Configuration
from jobrunner.db.connection import TRANSIENT
from jobrunner.db.line import GONE
from jobrunner.db.queryable import Queryable
from jobrunner.db.secrets import Keyring, signing_keys
from jobrunner.db.sql import load
from jobrunner.errors import InvalidInput, NotFound
from jobrunner.execution.outcome import error_text
from jobrunner.services.email_templates.rows import read_attachments
from jobrunner.services.mail.accounts import SendingAccount, load_account
from jobrunner.services.mail.accounts.loading import SYSTEM
from jobrunner.services.mail.address import Address, Mailbox, parse_address
from jobrunner.services.mail.composing.fields import ListId, bulk_fields
from jobrunner.services.mail.composing.mailing import Mailing
from jobrunner.services.mail.templates import MASS_MAIL, InvalidTemplate, Template, compile_template, complete
from jobrunner.services.massmail.fields import ALLOWED, TRACKING_URL
from jobrunner.services.massmail.links import Links
from jobrunner.services.massmail.settings import MassMailSettings
from jobrunner.services.massmail.templates.foreign_urls import foreign_tracking_urls
from jobrunner.services.massmail.tokens import PURPOSE, Tokens

OPT_OUT_NAMES = frozenset({"optOutUrl", "optOutLink"})
KINDS = {"Email": "email", "Newsletter": "newsletter", "Informational Email": "informational"}


class Unusable(InvalidInput):
    """A mass e-mail cannot be sent as it is; it is paused with this reason."""


class TemplateGone(InvalidInput):
    """A mass e-mail has no template any more; it fails."""


@dataclass(frozen=True)
class Prepared:
    """A mass e-mail that can be sent."""

    id: int
    name: str
    created_by: str
    account: SendingAccount
    sender: Mailbox
    is_informational: bool
    has_excluding: bool
    subject: Template
    text: Template
    html: Template | None
    mailings: Mapping[int | None, Mailing]
    """By the list that a recipient is on; under None where that makes no difference."""
    links: Links
    pixel: bool
    tracking_url_ids: tuple[int, ...]
    """Those that its template uses."""
    settings: MassMailSettings
    is_resumed: bool = False
    """A person has let it go on."""
    stores_sent: bool = False
    """Its mails are stored in the Sent folder of its account."""
    unsubscribe_mailbox: str | None = None
    """Where a mail unsubscribes: of a group account that takes such mails, if there is one."""

    @property
    def with_lists(self) -> bool:
        """Whether the header says which list a recipient is on."""
        return len(self.mailings) > 1

    def mailing_for(self, target_list_id: int | None) -> Mailing:
        """Return the mailing of a list."""
        return self.mailings.get(target_list_id) or self.mailings[None]

    def envelope_sender(self, bounce_token: str) -> Address:
        """Return whom bounces go to."""
        if not self.settings.mass_email_verp:
            return self.sender.address
        return parse_address(self.settings.bounce_address(bounce_token, self.sender.address.domain))


async def prepare(
    line: Queryable, configuration: Configuration, settings: MassMailSettings, mass_email_id: int
) -> Prepared:
    """Read all that a mass e-mail needs.

    Raises:
        TemplateGone: its template is.
        Unusable: account, sender, site, keys or template cannot be used, or something in it that nobody foresaw.
        Exception: the database is away.
    """
    (row,) = await line.fetch(load(__package__, "read_mailing"), mass_email_id)
    if row["subject"] is None:
        raise TemplateGone("its template is gone")
    try:
        return await _prepare(line, configuration, settings, row)
    except (Unusable, *TRANSIENT, *GONE):
        raise
    except InvalidTemplate as error:
        raise Unusable(f"its template cannot be sent: {error}") from error
    except Exception as error:
        raise Unusable(error_text(error)) from error


async def _prepare(line: Queryable, configuration: Configuration, settings: MassMailSettings, row: Any) -> Prepared:
    texts = (row["subject"], row["body"], row["plain_body"])
    if (foreign := foreign_tracking_urls(texts, row["tracking_url_ids"], row["campaign"])) is not None:
        raise Unusable(foreign)
    keyring = Keyring.from_configuration(configuration)
    account = await _account(line, keyring, configuration, row["smtp_account_id"])
    sender = _sender(row, account)
    informational = row["is_informational"]
    opt_out = not informational
    pixel = opt_out and row["campaign_id"] is not None and settings.mass_email_open_tracking and row["is_html"]
    has_links = opt_out or bool(row["tracking_url_ids"])
    site_url = settings.site_url(configuration.given_site_url) if has_links else ""
    links = Links(site_url, Tokens(await signing_keys(line, keyring, PURPOSE)))
    html_source, text_source = complete(
        row["body"] if row["is_html"] else None,
        row["plain_body"] if row["is_html"] else row["body"],
        opt_out=opt_out and not settings.mass_email_disable_mandatory_opt_out_link,
        pixel=pixel,
    )
    used = {int(id) for id in TRACKING_URL.findall(f"{row['subject']}{text_source}{html_source or ''}")}
    tracking = tuple(id for id in row["tracking_url_ids"] if id in used)
    names = (MASS_MAIL if opt_out else MASS_MAIL - OPT_OUT_NAMES) | {f"trackingUrl:{id}" for id in tracking}
    text = compile_template(text_source, "text", ALLOWED, names)
    html = None if html_source is None else compile_template(html_source, "html", ALLOWED, names)
    attachments = await read_attachments(line, row["email_template_id"])

    def mailing(list_id: ListId | None) -> Mailing:
        return Mailing(
            sender,
            text=text.segments,
            html=None if html is None else html.segments,
            reply_to=_reply_to(row, account),
            transmitter=account.sender,
            list_id=list_id,
            headers=bulk_fields(
                str(row["campaign_id"] or 0),
                str(row["id"]),
                KINDS.get(row["campaign_type"], "email"),
                sender.address.domain,
            ),
            attachments=attachments,
        )

    return Prepared(
        id=row["id"],
        name=row["name"],
        created_by=row["created_by"],
        account=account,
        sender=sender,
        is_informational=informational,
        has_excluding=row["has_excluding"],
        subject=compile_template(row["subject"], "subject", ALLOWED, names),
        text=text,
        html=html,
        mailings={list: mailing(list_id) for list, list_id in _list_ids(row, sender.address.domain).items()},
        links=links,
        pixel=pixel,
        tracking_url_ids=tracking,
        settings=settings,
        is_resumed=row["is_resumed"],
        stores_sent=row["store_sent_emails"] and account.stores_sent,
        unsubscribe_mailbox=await _unsubscribe_mailbox(line, sender) if opt_out else None,
    )


async def _unsubscribe_mailbox(line: Queryable, sender: Mailbox) -> str | None:
    """Return the address of a group account that takes mails which unsubscribe, in the sender's domain if possible."""
    rows = await line.fetch(load(__package__, "find_unsubscribe_mailbox"), sender.address.domain)
    return str(parse_address(rows[0]["email_address"])) if rows else None


async def _account(
    line: Queryable, keyring: Keyring, configuration: Configuration, account_id: int | None
) -> SendingAccount:
    key = SYSTEM if account_id is None else str(account_id)
    try:
        account = await load_account(line, keyring, key, configuration=configuration)
    except NotFound:
        if account_id is None:
            raise
        raise Unusable(
            f"its SMTP account (id {account_id}) was removed: `jobrunner mass-email edit NAME --account NAME` gives it "
            "another"
        ) from None
    if account_id is not None and not account.for_mass_mail:
        raise Unusable(
            f"the SMTP account {account.name!r} is not for mass mail: `jobrunner smtp-account edit {account.key} "
            "--for-mass-mail`, or choose another"
        )
    _ = account.signer  # reads the keys: one that cannot sign is told now
    return account


def _sender(row: Any, account: SendingAccount) -> Mailbox:
    """From: the mass e-mail's address, else the account's; and so the name."""
    address = account.sender.address if row["from_address"] is None else parse_address(row["from_address"])
    return Mailbox(address, row["from_name"] or account.sender.name)


def _reply_to(row: Any, account: SendingAccount) -> Mailbox | None:
    """Reply-To: the mass e-mail's address, else the account's; the mass e-mail's name, if it has one."""
    address = account.reply_to if row["reply_to_address"] is None else parse_address(row["reply_to_address"])
    return None if address is None else Mailbox(address, row["reply_to_name"] or "")


def _list_ids(row: Any, domain: str) -> dict[int | None, ListId | None]:
    """Without the lists' names, which are for those who keep them."""
    lists = {id: ListId(f"list-{id}.{domain}") for id in row["list_ids"]}
    if len(lists) < 2:
        return {None: next(iter(lists.values()), None)}
    return {None: None, **lists}

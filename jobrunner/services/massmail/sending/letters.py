"""Letters: mails as they are handed over, written from items."""

import logging
from collections.abc import Sequence
from datetime import datetime
from types import TracebackType
from typing import NamedTuple, Self

from jobrunner.errors import InvalidInput, JobrunnerError
from jobrunner.services.mail.address import Address, Mailbox, parse_address
from jobrunner.services.mail.composing.fields import unsubscribe_fields
from jobrunner.services.mail.composing.text import one_line
from jobrunner.services.mail.smtp import Envelope, Outcome, Phase, Result
from jobrunner.services.mail.smtp.wire import WireForm, wire_form
from jobrunner.services.mail.templates import Filled, Renderer, RenderingFailed, Values
from jobrunner.services.massmail.sending.items import Item
from jobrunner.services.massmail.sending.preparing import Prepared
from jobrunner.services.massmail.sending.signing import Signing

NAME_LIMIT = 200
"""Characters of a recipient's name in the header."""
NOTIFY = "FAILURE,DELAY"
"""Never of success: nobody reads ten thousand of those."""


class Draft(NamedTuple):
    """One mail with its envelope."""

    item: Item
    message: bytes
    envelope: Envelope


class Letter(NamedTuple):
    """One mail that is ready to go."""

    item: Item
    message: bytes
    envelope: Envelope
    payload: WireForm
    """The message in its wire form, made before a connection waits for it."""


def message_id(item: Item, sender: Address) -> str:
    """Return the Message-ID of an item's mail: the same on every attempt."""
    return f"<{item.token.hex}@{sender.domain}>"


class Writer:
    """Writes the letters of one mass e-mail, and signs them where its account has a key. `async with` it."""

    def __init__(self, prepared: Prepared, log: logging.Logger) -> None:
        self._prepared = prepared
        self._log = log
        self._renderer = _renderer_of(prepared)
        signer = prepared.account.signer
        self._signing = None if signer is None else Signing(signer)

    @property
    def signs(self) -> bool:
        """Whether the mails are signed, which takes several times as long as all else about them."""
        return self._signing is not None

    async def __aenter__(self) -> Self:
        """Compile the templates; raises InvalidTemplate where one is refused."""
        await self._renderer.__aenter__()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._signing is not None:
            self._signing.close()
        await self._renderer.__aexit__(kind, error, traceback)

    async def write(self, items: Sequence[Item], now: datetime) -> list[Letter | Result]:
        """Write the letter of each item, or say why that cannot be; one that fails fails alone."""
        values = [self._values(item, now) for item in items]
        try:
            filled = await self._renderer.fill(values)
        except JobrunnerError as error:
            return [_local(str(error))] * len(items)
        written = [self._guarded(*one) for one in zip(items, values, filled, strict=True)]
        if self._signing is not None:
            written = await self._signed(self._signing, written, now)
        return [_ready(one) if isinstance(one, Draft) else one for one in written]

    async def _signed(self, signing: Signing, written: list[Draft | Result], now: datetime) -> list[Draft | Result]:
        drafts = [one for one in written if isinstance(one, Draft)]
        fields = iter(await signing.sign([draft.message for draft in drafts], now))
        return [_with_signature(one, next(fields)) if isinstance(one, Draft) else one for one in written]

    def _guarded(self, item: Item, values: Values, texts: Filled | RenderingFailed) -> Draft | Result:
        if isinstance(texts, RenderingFailed):
            return _local(str(texts))
        try:
            return self._letter(item, values, texts)
        except JobrunnerError as error:
            return _local(str(error))
        except Exception as error:  # a fault in composing is the fault of one mail
            self._log.exception("item %d: its mail could not be written", item.id)
            return _local(f"its mail could not be written: {error}")

    def _letter(self, item: Item, values: Values, texts: Filled) -> Draft:
        prepared = self._prepared
        token = item.token.hex
        sender = prepared.sender.address
        headers = {"X-Queue-Item-Id": str(item.id)}
        if not prepared.is_informational:
            mailbox = prepared.unsubscribe_mailbox
            by_mail = None if mailbox is None else prepared.links.unsubscribe_by_mail(item.token, mailbox)
            headers |= unsubscribe_fields(values.names["optOutUrl"], by_mail)
        recipient = Mailbox(parse_address(item.email_address), one_line(item.name or "", NAME_LIMIT))
        message = prepared.mailing_for(item.target_list_id).compose(
            recipient,
            subject=prepared.subject.join(texts[0]),
            text=texts[-1],
            html=texts[1] if len(texts) > 2 else (),
            message_id=message_id(item, sender),
            date=values.now,
            headers=headers,
        )
        bounces = prepared.links.bounce_token(item.token) if prepared.settings.mass_email_verp else ""
        return Draft(item, message, Envelope(prepared.envelope_sender(bounces), recipient.address, token, NOTIFY))

    def _values(self, item: Item, now: datetime) -> Values:
        prepared = self._prepared
        person = item.person()
        names = prepared.links.names(
            item.token,
            item.id,
            prepared.tracking_url_ids,
            opt_out=not prepared.is_informational,
            pixel=prepared.pixel,
        )
        return Values({"Person": person, item.target_type: person}, now, language=item.language or "en", names=names)


def _with_signature(draft: Draft, fields: bytes | JobrunnerError) -> Draft | Result:
    if isinstance(fields, JobrunnerError):
        return _local(str(fields))
    return draft._replace(message=fields + draft.message)


def _ready(draft: Draft) -> Letter | Result:
    try:
        return Letter(*draft, wire_form(draft.message))
    except InvalidInput as error:
        return _local(str(error))


def _renderer_of(prepared: Prepared) -> Renderer:
    """Return what fills the templates of a mailing: subject, HTML where it has that, text.

    The text may be made from the HTML: of a fault in both the one that its author wrote is told.
    """
    templates = [prepared.subject, prepared.html, prepared.text]
    return Renderer([template for template in templates if template is not None])


def _local(text: str) -> Result:
    return Result(Outcome.LOCAL, Phase.IDLE, text)

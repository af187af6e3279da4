"""Letters: mails as they are handed over, written from items."""

import asyncio
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from jobrunner.errors import JobrunnerError
from jobrunner.services.mail.address import Mailbox, parse_address
from jobrunner.services.mail.composing.fields import unsubscribe_fields
from jobrunner.services.mail.composing.text import one_line
from jobrunner.services.mail.smtp import Envelope, Outcome, Phase, Result
from jobrunner.services.mail.templates import Filled, Renderer, RenderingFailed, Values
from jobrunner.services.massmail.sending.items import Item
from jobrunner.services.massmail.sending.preparing import Prepared

NAME_LIMIT = 200
"""Characters of a recipient's name in the header."""
NOTIFY = "FAILURE,DELAY"
"""Never of success: nobody reads ten thousand of those."""


@dataclass(frozen=True, slots=True)
class Letter:
    """One mail with its envelope."""

    item: Item
    message: bytes
    envelope: Envelope


class Writer:
    """Writes the letters of one mass e-mail."""

    def __init__(self, prepared: Prepared, renderer: Renderer, log: logging.Logger) -> None:
        """The renderer is of `templates_of` this mailing, and open."""
        self._prepared = prepared
        self._renderer = renderer
        self._log = log
        self._signer = prepared.account.signer

    async def write(self, items: Sequence[Item], now: datetime) -> list[Letter | Result]:
        """Write the letter of each item, or say why that cannot be; one that fails fails alone."""
        values = [self._values(item, now) for item in items]
        try:
            filled = await self._renderer.fill(values)
        except JobrunnerError as error:
            return [_local(str(error))] * len(items)
        letters: list[Letter | Result] = []
        for item, one, texts in zip(items, values, filled, strict=True):
            letters.append(self._guarded(item, one, texts))
            if self._signer is not None:
                await asyncio.sleep(0)  # a signature takes a while, and others wait for this loop
        return letters

    def _guarded(self, item: Item, values: Values, texts: Filled | RenderingFailed) -> Letter | Result:
        if isinstance(texts, RenderingFailed):
            return _local(str(texts))
        try:
            return self._letter(item, values, texts)
        except JobrunnerError as error:
            return _local(str(error))
        except Exception as error:  # a fault in composing is the fault of one mail
            self._log.exception("item %d: its mail could not be written", item.id)
            return _local(f"its mail could not be written: {error}")

    def _letter(self, item: Item, values: Values, texts: Filled) -> Letter:
        prepared = self._prepared
        token = item.token.hex
        sender = prepared.sender.address
        headers = {"X-Queue-Item-Id": str(item.id)}
        if not prepared.is_informational:
            headers |= unsubscribe_fields(values.names["optOutUrl"])
        recipient = Mailbox(parse_address(item.email_address), one_line(item.name or "", NAME_LIMIT))
        message = prepared.mailing_for(item.target_list_id).compose(
            recipient,
            subject=prepared.subject.join(texts[0]),
            text=texts[1],
            html=texts[2] if len(texts) > 2 else (),
            message_id=f"<{token}@{sender.domain}>",
            date=values.now,
            headers=headers,
        )
        if self._signer is not None:
            message = self._signer.sign(message, at=values.now) + message
        bounces = prepared.links.bounce_token(item.token) if prepared.settings.mass_email_verp else ""
        return Letter(item, message, Envelope(prepared.envelope_sender(bounces), recipient.address, token, NOTIFY))

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


def renderer_of(prepared: Prepared) -> Renderer:
    """Return what fills the templates of a mailing: subject, text, and HTML where it has that."""
    templates = [prepared.subject, prepared.text]
    return Renderer(templates if prepared.html is None else [*templates, prepared.html])


def _local(text: str) -> Result:
    return Result(Outcome.LOCAL, Phase.IDLE, text)

"""The links of one mail: to unsubscribe, to be counted."""

from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import quote
from uuid import UUID

from jobrunner.services.massmail.tokens import TokenKind, Tokens

UNSUBSCRIBE = "unsubscribe"
OPEN = "o"
CLICK = "c"
"""First parts of the paths; short, since the addresses stand in text parts, too."""


@dataclass(frozen=True, slots=True)
class Links:
    """Makes them."""

    site_url: str
    """Checked, without a slash at its end (`MassMailSettings.site_url`)."""
    tokens: Tokens

    def unsubscribe(self, item: UUID) -> str:
        """Return the address that unsubscribes, for people and for RFC 8058; `item` is `queue_item.token`."""
        return f"{self.site_url}/{UNSUBSCRIBE}/{self.tokens.sign(TokenKind.UNSUBSCRIBE, item)}"

    def unsubscribe_by_mail(self, item: UUID, mailbox: str) -> str:
        """Return the URL of a mail that unsubscribes, to one of our mailboxes (RFC 2369, 6068).

        The token stands in the subject, since not every mailbox takes addresses with a detail (`news+TOKEN@…`).
        """
        local, _, domain = mailbox.rpartition("@")
        token = self.tokens.sign(TokenKind.UNSUBSCRIBE, item)
        return f"mailto:{quote(local, safe='')}@{domain}?subject=unsubscribe%20{token}"

    def open(self, item: UUID) -> str:
        """Return the address of the image that tells that the mail was opened."""
        return f"{self.site_url}/{OPEN}/{self.tokens.sign(TokenKind.OPEN, item)}"

    def click(self, item: UUID, tracking_url_id: int) -> str:
        """Return the address that counts a click and leads on."""
        return f"{self.site_url}/{CLICK}/{self.tokens.sign(TokenKind.CLICK, item, tracking_url_id)}"

    def bounce_token(self, item: UUID) -> str:
        """Return what stands in the envelope sender: 55 characters."""
        return self.tokens.sign(TokenKind.BOUNCE, item)

    def headers(self, item: UUID) -> list[tuple[str, str]]:
        """Return the headers by which a mail program unsubscribes at one click (RFC 8058); none may be folded."""
        return [
            ("List-Unsubscribe", f"<{self.unsubscribe(item)}>"),
            ("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"),
        ]

    def names(
        self, item: UUID, queue_item_id: int, tracking_url_ids: Iterable[int] = (), *, opt_out: bool, pixel: bool
    ) -> dict[str, str]:
        """Return what templates may name (`templates.Values.names`).

        Args:
            item: `queue_item.token`.
            queue_item_id: `queue_item.id`.
            tracking_url_ids: those that the template uses.
            opt_out: whether it has links to unsubscribe; an informational mail has none.
            pixel: whether it has the image.
        """
        names = {"queueItemId": str(queue_item_id)}
        if opt_out:
            names["optOutUrl"] = self.unsubscribe(item)
        if pixel:
            names["openPixelUrl"] = self.open(item)
        for id in tracking_url_ids:
            names[f"trackingUrl:{id}"] = self.click(item, id)
        return names

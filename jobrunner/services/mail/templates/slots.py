"""The places of a template that differ from mail to mail, and how each is filled."""

from collections.abc import Callable
from dataclasses import dataclass
from html import escape
from typing import Any, Literal

from jobrunner.services.mail.composing.text import one_line
from jobrunner.services.mail.languages import words_in
from jobrunner.services.mail.templates.values import Values
from jobrunner.services.mail.templates.words import LANGUAGES

Kind = Literal["html", "text", "subject"]

LINK_SCHEMES = ("http:", "https:", "mailto:", "tel:")
"""What a link that is a field of a record may begin with; anything else (`javascript:`) becomes `#`."""
LONGEST_IN_SUBJECT = 200
"""Characters of one value in a subject."""


@dataclass(frozen=True, slots=True)
class Slot:
    """One placeholder."""

    text: str
    """As it is written, braces included."""
    look: Callable[[Values], Any]
    """Finds the value."""
    kind: Kind
    place: Literal["text", "attribute", "link"] = "text"
    """In HTML: between tags, in an attribute, or at the beginning of an attribute that is a link. In text a link is in
    angle brackets, which go where it is empty."""
    before: str = ""
    """The blank before the brackets of a link in text, if there is one."""
    ours: bool = False
    """The value is not a stranger's: a link of the mailing, a date."""

    def fill(self, values: Values) -> str:
        """Return what stands here in this mail, escaped as its place needs it."""
        written = values.style.write(self.look(values))
        if self.kind == "subject":
            return one_line(written, LONGEST_IN_SUBJECT)
        if self.kind == "text":
            if self.place == "link":
                return f"{self.before}<{written}>" if written.strip() else ""
            return written
        if self.place == "text":
            return escape(written).replace("\n", "<br>\n")
        if self.place == "link" and not self.ours and not written.strip().lower().startswith(LINK_SCHEMES):
            return "#" if written else ""
        return escape(" ".join(written.split("\n")))


@dataclass(frozen=True, slots=True)
class OptOutLink:
    """`{optOutLink}`: the link to unsubscribe with its word, in the recipient's language."""

    text: str
    kind: Kind

    def fill(self, values: Values) -> str:
        """Return a link in HTML, a word and the address in text; nothing where the mailing has no such link."""
        url = values.names.get("optOutUrl", "")
        word = words_in(LANGUAGES, values.language).unsubscribe
        if not url:
            return ""
        return f'<a href="{escape(url)}">{escape(word)}</a>' if self.kind == "html" else f"{word}: {url}"


@dataclass(frozen=True, slots=True)
class Block:
    """A stretch of a template from its first block to its last; it is filled in the sandbox only."""

    source: str
    """For the sandbox: placeholders in it read `{{ slots[0] }}`, `{{ slots[1] }}`, …"""
    kind: Kind
    slots: tuple[Slot | OptOutLink, ...] = ()
    line: int = 1
    """Where in the template it begins."""


def look_up(record: str, path: str) -> Callable[[Values], Any]:
    """Return what finds a field."""
    return lambda values: values.find(record, path)


def name(key: str) -> Callable[[Values], Any]:
    """Return what finds something that the mailing gives."""
    return lambda values: values.names.get(key, "")


MOMENTS: dict[str, Callable[[Values], Any]] = {
    "today": lambda values: values.style.today(values.now),
    "now": lambda values: values.now,
    "currentYear": lambda values: values.style.today(values.now).year,
}

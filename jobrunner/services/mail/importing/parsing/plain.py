"""The text of an HTML mail, to search in and to show where no HTML is wanted. Reads each character once."""

import re
from html import unescape

from jobrunner.services.mail.importing.parsing.charset import tidy

TAG = re.compile(r"<(?:(!--)|(/?)([A-Za-z][A-Za-z0-9]*)[^<>]*>?|[!?/][^<>]*>?)")
BLANKS = re.compile(r"[ \t\r\n\f]+")
UNSEEN = ("script", "style", "title", "template", "noscript", "textarea", "iframe", "xmp")
"""Elements whose content is no text of the mail."""
ENDS = {name: re.compile(rf"</{name}\b[^<>]*>?", re.IGNORECASE) for name in UNSEEN}
PARAGRAPHS = frozenset({"blockquote", "h1", "h2", "h3", "h4", "h5", "h6", "p", "table", "ul", "ol"})
# fmt: off
LINES = PARAGRAPHS | {
    "address", "article", "aside", "br", "caption", "center", "dd", "div", "dl", "dt", "fieldset", "figcaption",
    "figure", "footer", "form", "header", "hr", "li", "main", "nav", "pre", "section", "tbody", "tfoot", "thead", "tr",
}
# fmt: on


def text_of_html(html: str) -> str:
    """Return the text that a reader of the HTML would see, in lines."""
    pieces: list[str] = []
    position = 0
    while (tag := TAG.search(html, position)) is not None:
        pieces.append(BLANKS.sub(" ", unescape(html[position : tag.start()])))
        position = tag.end()
        name = (tag[3] or "").lower()
        if tag[1]:
            end = html.find("-->", position)
            position = len(html) if end < 0 else end + 3
        elif name in ENDS and not tag[2]:
            closing = ENDS[name].search(html, position)
            position = len(html) if closing is None else closing.end()
        elif name in LINES:
            pieces.append("\n\n" if name in PARAGRAPHS else "\n")
        elif name in ("td", "th") and tag[2]:
            pieces.append(" ")
    pieces.append(BLANKS.sub(" ", unescape(html[position:])))
    return _in_lines("".join(pieces))


def _in_lines(text: str) -> str:
    """Return the text with no more than one empty line in a row, and no blanks at the ends of lines."""
    lines: list[str] = []
    for line in text.replace("\xa0", " ").split("\n"):
        line = line.strip(" ")
        if line or (lines and lines[-1]):
            lines.append(line)
    return tidy("\n".join(lines).strip("\n"))

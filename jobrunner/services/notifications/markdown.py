"""The text of a post: Markdown, written by anybody, made into HTML that harms nobody."""

from functools import cache

import nh3
from markdown_it import MarkdownIt

from jobrunner.services.mail.composing.text import UNSEEN

TEXT_LIMIT = 10_000
"""Characters of a post that a mail shows."""

TEXT_TAGS = frozenset({"a", "br", "code", "del", "em", "p", "pre", "s", "strong"})
BLOCK_TAGS = frozenset({"blockquote", "h1", "h2", "h3", "h4", "h5", "h6", "hr", "li", "ol", "ul"})
TABLE_TAGS = frozenset({"table", "tbody", "td", "th", "thead", "tr"})
ATTRIBUTES = {"a": {"href", "title"}, "ol": {"start"}}
SCHEMES = frozenset({"http", "https", "mailto"})


def to_html(text: str) -> str:
    """Return the text as HTML: no tag of the author's own, no image, and links to http, https and mailto only."""
    return nh3.clean(
        _reader().render(to_plain(text)),
        tags=set(TEXT_TAGS | BLOCK_TAGS | TABLE_TAGS),
        attributes={tag: set(names) for tag, names in ATTRIBUTES.items()},
        url_schemes=set(SCHEMES),
        link_rel="noopener noreferrer nofollow",
    ).strip()


def to_plain(text: str) -> str:
    """Return the text as it was written, which is how Markdown is meant to be read; without what cannot be seen."""
    if len(text) > TEXT_LIMIT:
        text = text[:TEXT_LIMIT].rstrip() + " …"
    lines = text.replace("\r\n", "\n").replace("\r", "\n").replace("\t", "    ").split("\n")
    return "\n".join(UNSEEN.sub("", line).rstrip() for line in lines).strip("\n")


@cache
def _reader() -> MarkdownIt:
    # Line breaks are what their author typed. An image would tell its sender that and where the mail was opened.
    reader = MarkdownIt("commonmark", {"html": False, "breaks": True, "maxNesting": 20})
    return reader.enable(["table", "strikethrough"]).disable(["image", "html_block", "html_inline"])

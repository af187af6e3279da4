"""HTML of mails, cleaned when it is shown, by the rules of that day (failures H09).

Kept is what makes a letter: text, lists, tables, links, pictures, and of styles what can neither load nor overlay
anything. Pictures that the mail brought along are shown from where they are stored. Those that are elsewhere are held
back until the reader asks for them: that they are loaded tells the sender who reads, when and where.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from html import escape
from types import MappingProxyType
from urllib.parse import unquote

import nh3

from jobrunner.services.mail.importing.parsing.plain import text_of_html

# fmt: off
TAGS = {
    "a", "abbr", "acronym", "address", "article", "aside", "b", "bdi", "bdo", "big", "blockquote", "br", "caption",
    "center", "cite", "code", "col", "colgroup", "dd", "del", "details", "dfn", "div", "dl", "dt", "em", "figcaption",
    "figure", "font", "footer", "h1", "h2", "h3", "h4", "h5", "h6", "header", "hr", "i", "img", "ins", "kbd", "li",
    "main", "mark", "nav", "ol", "p", "pre", "q", "rp", "rt", "ruby", "s", "samp", "section", "small", "span",
    "strike", "strong", "sub", "summary", "sup", "table", "tbody", "td", "tfoot", "th", "thead", "time", "tr", "tt",
    "u", "ul", "var", "wbr",
}
WITH_CONTENT = {
    "script", "style", "title", "template", "noscript", "noembed", "noframes", "xmp", "iframe", "plaintext", "textarea",
    "select", "option", "svg", "math", "object", "embed", "applet", "audio", "video", "canvas", "frameset",
}
"""Elements that go with all that is in them; of any other that is not allowed the content stays."""
LAYOUT = {"align", "valign", "width", "height", "bgcolor"}
ATTRIBUTES = {
    "*": {"style", "dir", "lang", "title"},
    "a": {"href"},
    "img": {"src", "alt", "width", "height", "align", "border", "hspace", "vspace"},
    "font": {"color", "face", "size"},
    "table": LAYOUT | {"border", "cellpadding", "cellspacing", "summary"},
    "col": LAYOUT | {"span"}, "colgroup": LAYOUT | {"span"},
    "td": LAYOUT | {"colspan", "rowspan", "nowrap"}, "th": LAYOUT | {"colspan", "rowspan", "nowrap", "scope"},
    "tr": LAYOUT, "tbody": LAYOUT, "thead": LAYOUT, "tfoot": LAYOUT,
    "div": {"align"}, "p": {"align"}, "hr": {"align", "width", "size", "color"}, "br": {"clear"},
    "h1": {"align"}, "h2": {"align"}, "h3": {"align"}, "h4": {"align"}, "h5": {"align"}, "h6": {"align"},
    "ol": {"start", "type", "reversed"}, "ul": {"type"}, "li": {"value", "type"}, "time": {"datetime"},
}
STYLES = {
    "color", "background-color", "font", "font-family", "font-size", "font-style", "font-variant", "font-weight",
    "line-height", "letter-spacing", "word-spacing", "text-align", "text-decoration", "text-indent", "text-transform",
    "vertical-align", "white-space", "word-break", "word-wrap", "overflow-wrap", "direction", "display",
    "width", "max-width", "min-width", "height", "max-height", "min-height", "table-layout", "border-collapse",
    "border-spacing", "border", "border-top", "border-right", "border-bottom", "border-left", "border-color",
    "border-style", "border-width", "border-radius", "margin", "margin-top", "margin-right", "margin-bottom",
    "margin-left", "padding", "padding-top", "padding-right", "padding-bottom", "padding-left", "list-style-type",
    "float", "clear",
}
# fmt: on
LOADING = re.compile(r"[\\@<>]|url|image|expression|import|behaviou?r|binding|var\s*\(|attr\s*\(|/\*", re.IGNORECASE)
"""What in a style may fetch something, or hide that it does."""
INVISIBLE = re.compile(r"[\x00-\x20\x7f-\xa0\u200b-\u200f\u2028-\u202f\ufeff]+")
LINKS = re.compile(r"(?:https?://|mailto:|tel:)", re.IGNORECASE)
REMOTE = re.compile(r"https?://", re.IGNORECASE)
OWN_PICTURE = re.compile(r"data:image/(?:png|gif|jpe?g|webp|bmp);base64,[A-Za-z0-9+/=]*", re.IGNORECASE)
ELEMENT = re.compile(r"<(/?)([A-Za-z][A-Za-z0-9]{0,20})")
# fmt: off
UNNESTED = frozenset({
    "area", "base", "br", "col", "dd", "dt", "embed", "hr", "img", "input", "li", "link", "meta", "option", "p",
    "param", "source", "td", "th", "tr", "wbr",
})
# fmt: on
"""They hold nothing, or the next one ends them."""
DEPTH = 400
"""Levels of elements; the time that cleaning takes grows with the square of them."""
NO_PICTURES: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class CleanHtml:
    """HTML that may be shown, in a frame of its own with a policy of its own."""

    html: str
    held_back: int
    """Pictures from elsewhere that were left out; with `remote_images` they would be there."""
    missing: int
    """Pictures that the mail should have brought along, and did not."""
    is_text: bool = False
    """It is the text only: the HTML is nested too deeply, or took too much to clean."""


class _Links:
    """What becomes of each attribute, and what was left out."""

    def __init__(self, cid_map: Mapping[str, str], remote_images: bool) -> None:
        self._pictures = {id.lower(): url for id, url in cid_map.items()}
        self._remote = remote_images
        self.held_back = 0
        self.missing = 0

    def rewrite(self, tag: str, attribute: str, value: str) -> str | None:
        """Return the value as it is shown, None to leave it out. Must not raise: nh3 would keep the value."""
        match attribute:
            case "href":
                bare = INVISIBLE.sub("", value)
                return value.strip() if LINKS.match(bare) and LINKS.match(value.strip()) else None
            case "src":
                return self._picture(value) if tag == "img" else None
            case "style":
                return _style(value) or None
            case _:
                return value

    def _picture(self, value: str) -> str | None:
        bare = INVISIBLE.sub("", value)
        if bare[:4].lower() == "cid:":
            url = self._pictures.get(unquote(bare[4:]).strip("<>").lower())
            self.missing += url is None
            return url
        if OWN_PICTURE.fullmatch(bare):
            return bare
        if not REMOTE.match(bare):
            return None
        if not self._remote:
            self.held_back += 1
            return None
        return bare


def clean_html(html: str, cid_map: Mapping[str, str] = NO_PICTURES, *, remote_images: bool = False) -> CleanHtml:
    """Return the HTML as it may be shown.

    What a stranger wrote may still be made to take long: `ParserPool.clean` calls this in a process with limits.

    Args:
        html: as it came.
        cid_map: for each Content-ID (without brackets) the URL under which that file is shown; ours, not checked.
        remote_images: whether the reader agreed to pictures from elsewhere. Only http and https, never anything else.
    """
    if _depth(html) > DEPTH:
        return as_text(text_of_html(html))
    links = _Links(cid_map, remote_images)
    cleaned = nh3.clean(
        html,
        tags=TAGS,
        clean_content_tags=WITH_CONTENT,
        attributes=ATTRIBUTES,
        attribute_filter=partial(_guarded, links),
        strip_comments=True,
        link_rel="noopener noreferrer nofollow",
        url_schemes={"http", "https", "mailto", "tel", "cid", "data"},
        set_tag_attribute_values={"a": {"target": "_blank"}},
    )
    return CleanHtml(cleaned, links.held_back, links.missing)


def as_text(text: str) -> CleanHtml:
    """Return text in the place of HTML that is not shown."""
    return CleanHtml(f"<pre>{escape(text, quote=False)}</pre>", 0, 0, is_text=True)


def _style(value: str) -> str:
    """Return the declarations that are harmless. Each is judged alone, and none can join with another one."""
    kept = []
    for declaration in value.split(";"):
        name, colon, _ = declaration.partition(":")
        if colon and name.strip().lower() in STYLES and not LOADING.search(declaration):
            kept.append(declaration.strip())
    return "; ".join(kept)


def _depth(html: str) -> int:
    """Return how deep elements may be nested: by how many more begin than end, of each name."""
    open: dict[str, int] = {}
    depth = deepest = 0
    for match in ELEMENT.finditer(html):
        name = match[2].lower()
        if name in UNNESTED:
            continue
        if not match[1]:
            open[name] = open.get(name, 0) + 1
            depth += 1
            deepest = max(deepest, depth)
        elif open.get(name):
            open[name] -= 1
            depth -= 1
    return deepest


def _guarded(links: _Links, tag: str, attribute: str, value: str) -> str | None:
    try:
        return links.rewrite(tag, attribute, value)
    except Exception:  # whatever it is, the attribute goes
        return None

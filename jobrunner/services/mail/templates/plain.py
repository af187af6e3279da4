"""The plain text of an HTML mail, made from the template itself: placeholders and blocks in it stay what they are."""

import re
from html.parser import HTMLParser

UNSEEN = frozenset({"head", "style", "script", "title", "template", "svg", "object"})
VOID = frozenset({"br", "hr", "img", "input", "link", "meta", "area", "base", "col", "embed", "source", "track", "wbr"})
PARAGRAPHS = frozenset({"p", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "table", "blockquote", "pre"})
LINES = frozenset(
    {"div", "section", "article", "header", "footer", "main", "tr", "li", "dl", "dt", "dd", "address", "center"}
)
BLANKS = re.compile(r"[ \t\r\n\f\u200b\u034f\u00ad]+")
HIDDEN = re.compile(r"display\s*:\s*none|visibility\s*:\s*hidden", re.IGNORECASE)


def plain_text(html: str) -> str:
    """Return the text of an HTML template or mail: a link is `words <address>`, an image its alternative text."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    return reader.result()


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self._lines: list[str] = []
        self._line = ""
        self._gap = 0
        """Empty lines that are due before the next text."""
        self._unseen: list[str] = []
        """Open elements below and including one that is not shown."""
        self._links: list[tuple[str, int, int]] = []
        """Address, line and column of each open link."""
        self._lists: list[int | None] = []
        self._marker = ""
        self._preformatted = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {key: value or "" for key, value in attrs}
        if self._unseen or tag in UNSEEN or "hidden" in values or HIDDEN.search(values.get("style", "")):
            if tag not in VOID:
                self._unseen.append(tag)
            return
        match tag:
            case "br":
                self._end_line()
            case "hr":
                self._break(1)
                self._lines.append("-" * 20)
                self._break(1)
            case "img":
                self._add(values.get("alt", ""))
            case "a":
                self._links.append((values.get("href", "").strip(), len(self._lines), len(self._line)))
            case "ul" | "ol":
                self._break(0 if self._lists else 1)
                self._lists.append(1 if tag == "ol" else None)
            case "li":
                self._break(0)
                number = self._lists[-1] if self._lists else None
                self._marker = "  " * max(0, len(self._lists) - 1) + ("* " if number is None else f"{number}. ")
                if number is not None:
                    self._lists[-1] = number + 1
            case "td" | "th":
                if self._line and not self._line.endswith(" "):
                    self._line += " "
            case "pre":
                self._break(1)
                self._preformatted += 1
            case _ if tag in PARAGRAPHS:
                self._break(1)
            case _ if tag in LINES:
                self._break(0)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        if self._unseen:
            if tag in self._unseen:
                while self._unseen.pop() != tag:
                    pass
            return
        if tag == "a" and self._links:
            self._end_link(*self._links.pop())
        elif tag in ("ul", "ol") and self._lists:
            self._lists.pop()
            self._break(0 if self._lists else 1)
        elif tag in PARAGRAPHS:
            self._preformatted -= tag == "pre" and self._preformatted > 0
            self._break(1)
        elif tag in LINES:
            self._break(0)

    def handle_data(self, data: str) -> None:
        if self._unseen:
            return
        if self._preformatted:
            first, *more = data.split("\n")
            self._add(first, keep=True)
            for line in more:
                self._end_line()
                self._add(line, keep=True)
            return
        self._add(data)

    def result(self) -> str:
        """Return what was read."""
        self._break(0)
        return "\n".join(line.rstrip() for line in self._lines).strip("\n")

    def _add(self, text: str, keep: bool = False) -> None:
        if not keep:
            text = BLANKS.sub(" ", text)
            if not self._line or self._line.endswith(" "):
                text = text.lstrip(" ")
        if not text:
            return
        if not self._line:
            if self._lines:
                self._lines += [""] * self._gap
            self._gap = 0
            self._line, self._marker = self._marker, ""
        self._line += text

    def _end_link(self, address: str, line: int, column: int) -> None:
        if not address or address.startswith(("#", "javascript:")):
            return
        begun_here = line == len(self._lines) and column <= len(self._line)
        words = (self._line[column:] if begun_here else " ".join([*self._lines[line:], self._line])).strip()
        if words in (address, address.removeprefix("mailto:"), address.removeprefix("tel:")):
            return
        self._line = self._line.rstrip(" ")
        self._add(f" <{address}>" if self._line else f"<{address}>", keep=True)

    def _end_line(self) -> None:
        """End the line; an empty one stays an empty line between two with text."""
        if self._line:
            self._lines.append(self._line)
            self._line = ""
        elif self._lines:
            self._gap = min(self._gap + 1, 2)

    def _break(self, gap: int) -> None:
        """End the line where it has text; `gap` empty lines are to follow."""
        if self._line:
            self._lines.append(self._line)
            self._line = ""
        if self._lines:
            self._gap = max(self._gap, gap)

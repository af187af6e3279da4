"""A template, compiled once: fixed pieces and slots, filled in one pass for each mail."""

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from jobrunner.services.mail.composing.text import one_line
from jobrunner.services.mail.templates.errors import InvalidTemplate
from jobrunner.services.mail.templates.formatting import CONTROLS
from jobrunner.services.mail.templates.slots import MOMENTS, Block, Kind, OptOutLink, Slot, look_up, name
from jobrunner.services.mail.templates.values import Values

Allowed = Mapping[str, Collection[str]]
"""For each record's name the fields that may be used, in snake_case; one of a linked record is `account.name`, and `*`
stands for every field of the record itself. A template may write them in camelCase, too."""

MASS_MAIL = frozenset({"optOutUrl", "optOutLink", "queueItemId", "openPixelUrl"})
"""Names of the mailing; `trackingUrl:ID` is added for each of its links. An informational mail has no opt-out ones."""

LONGEST = 5 * 1024 * 1024
"""Characters of a template."""
LONGEST_SUBJECT = 900
"""Characters of a subject."""

PLACEHOLDER = re.compile(r"\{(?:[A-Z]\w*(?:\.\w+){1,2}|[a-z]\w*(?::\w+)?)\}", re.ASCII)
BLOCK = r"\{%-?\s*raw\s*-?%\}.*?\{%-?\s*endraw\s*-?%\}|\{\{.*?\}\}|\{%.*?%\}|\{#.*?#\}"
BRACKETED = re.compile(rf" ?<(?!\{{optOutLink\}}){PLACEHOLDER.pattern}>|{PLACEHOLDER.pattern}", re.ASCII)
"""In text, where a link is `words <address>`."""
IN_TAG = re.compile(r"<[A-Za-z][^<>]*")
LINK = re.compile(r"""\b(href|src|action|background)\s*=\s*["']?$""", re.IGNORECASE)

Segment = str | Slot | OptOutLink | Block


@dataclass(frozen=True)
class Template:
    """Immutable; shared by all mails of a mailing."""

    kind: Kind
    segments: tuple[Segment, ...]
    """Fixed pieces (str) and slots in turn. A composer encodes the pieces once; what `fill` returns goes between."""
    unknown: tuple[str, ...] = ()
    """Placeholders that are not known and stay as written, to be shown to the author."""
    allowed: Allowed = field(default_factory=dict)
    """What its blocks may know."""

    @cached_property
    def slots(self) -> tuple[Slot | OptOutLink | Block, ...]:
        """The segments that differ from mail to mail, in order."""
        return tuple(segment for segment in self.segments if not isinstance(segment, str))

    @cached_property
    def blocks(self) -> tuple[Block, ...]:
        """The slots that only the sandbox can fill."""
        return tuple(slot for slot in self.slots if isinstance(slot, Block))

    def fill(self, values: Values, blocks: Sequence[str] = ()) -> tuple[str, ...]:
        """Return the text of each slot; `blocks` are those that the sandbox has written, in order."""
        written = iter(blocks)
        return tuple(next(written) if isinstance(slot, Block) else slot.fill(values) for slot in self.slots)

    def join(self, filled: Sequence[str]) -> str:
        """Return the whole from what `fill` returned."""
        texts = iter(filled)
        whole = "".join(segment if isinstance(segment, str) else next(texts) for segment in self.segments)
        return one_line(whole, LONGEST_SUBJECT) if self.kind == "subject" else whole

    def render(self, values: Values) -> str:
        """Return the whole text for one mail; a template with blocks needs a `Renderer`."""
        if self.blocks:
            raise InvalidTemplate("the template has {{…}} or {%…%} blocks, which are written by a Renderer only")
        return self.join(self.fill(values))


def compile_template(
    text: str, kind: Kind, allowed: Allowed, names: Collection[str] = (), *, blocks: bool = True
) -> Template:
    """Return the compiled template.

    Args:
        text: as its author wrote it.
        kind: what comes of it; values are escaped for it.
        allowed: the fields that it may name.
        names: what the mailing gives (`MASS_MAIL` and `trackingUrl:ID` for each of its links).
        blocks: whether `{{…}}` and `{%…%}` mean something; they do only where both brace pairs occur.

    Raises:
        InvalidTemplate: it is too long, or a field stands inside a tag without quotes.
    """
    if len(text) > LONGEST:
        raise InvalidTemplate(f"the template has {len(text):,} characters; at most {LONGEST:,} are taken")
    text = CONTROLS.sub("", text).replace("\r\n", "\n").replace("\r", "\n")
    compiler = _Compiler(text, kind, allowed, frozenset(names))
    return compiler.compile(blocks and has_blocks(text))


def has_blocks(text: str) -> bool:
    """Whether both braces of a block occur."""
    return any(0 <= text.find(opens) < text.rfind(closes) for opens, closes in (("{{", "}}"), ("{%", "%}")))


class _Compiler:
    def __init__(self, text: str, kind: Kind, allowed: Allowed, names: frozenset[str]) -> None:
        self._text = text
        self._kind = kind
        self._allowed = allowed
        self._names = names
        self._unknown: list[str] = []
        self._placeholder = BRACKETED if kind == "text" else PLACEHOLDER
        self._token = re.compile(f"(?P<block>{BLOCK})|{self._placeholder.pattern}", re.DOTALL | re.ASCII)

    def compile(self, with_blocks: bool) -> Template:
        begin = end = len(self._text)
        if with_blocks and (found := [m for m in self._token.finditer(self._text) if m["block"]]):
            begin, end = found[0].start(), found[-1].end()
        segments: list[Segment] = self._pieces(0, begin)
        if begin < end:
            segments.append(self._block(begin, end))
            segments += self._pieces(end, len(self._text))
        return Template(self._kind, tuple(segments), tuple(dict.fromkeys(self._unknown)), self._allowed)

    def _pieces(self, begin: int, end: int) -> list[Segment]:
        segments: list[Segment] = []
        last = begin
        for match in self._placeholder.finditer(self._text, begin, end):
            if (slot := self._slot(match)) is None:
                continue
            segments += [self._text[last : match.start()], slot] if match.start() > last else [slot]
            last = match.end()
        return segments + ([self._text[last:end]] if end > last else [])

    def _block(self, begin: int, end: int) -> Block:
        """Return the stretch as source for the sandbox, in which values are data as everywhere."""
        slots: list[Slot | OptOutLink] = []

        def placeholder(match: re.Match[str]) -> str:
            slot = None if match["block"] else self._slot(match)
            if slot is None:
                return match[0]
            slots.append(slot)
            return f"{{{{ slots[{len(slots) - 1}] }}}}"

        source = self._token.sub(placeholder, self._text[begin:end])
        return Block(source, self._kind, tuple(slots), self._text.count("\n", 0, begin) + 1)

    def _slot(self, match: re.Match[str]) -> Slot | OptOutLink | None:
        written = match[0].lstrip(" <").rstrip(">")
        inner = written[1:-1]
        if "." not in inner:
            return self._named(match, written, inner)
        record, _, path = inner.partition(".")
        if (known := self._field(record, path)) is None:
            self._unknown.append(written)
            return None
        return self._placed(match, Slot(written, look_up(record, known), self._kind))

    def _named(self, match: re.Match[str], written: str, inner: str) -> Slot | OptOutLink | None:
        if inner == "optOutLink" and inner in self._names:
            return OptOutLink(written, self._kind)
        look = MOMENTS.get(inner) or (name(inner) if inner in self._names else None)
        if look is None:
            if inner in MASS_MAIL or inner.startswith("trackingUrl:"):  # others are rules of style sheets and such
                self._unknown.append(written)
            return None
        return self._placed(match, Slot(written, look, self._kind, ours=True))

    def _field(self, record: str, path: str) -> str | None:
        """Return the field's name in the record, or None where it may not be used."""
        fields = self._allowed.get(record, ())
        snake = re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", path).lower()
        for candidate in (path, snake):
            if candidate in fields and candidate != "*":
                return candidate
        return path if "*" in fields and "." not in path else None

    def _placed(self, match: re.Match[str], slot: Slot) -> Slot:
        """Return the slot with its place in what is around it."""
        if self._kind == "text" and match[0].endswith(">"):
            return replace(slot, place="link", before=match[0].partition("<")[0])
        if self._kind != "html":
            return slot
        begin = self._text.rfind("<", 0, match.start())
        before = self._text[begin : match.start()] if begin >= 0 else ""
        if not IN_TAG.fullmatch(before):
            return slot
        quoted = _in_quotes(before)
        if not quoted and not slot.ours:
            line = self._text.count("\n", 0, match.start()) + 1
            raise InvalidTemplate(f"line {line}: {slot.text} stands inside a tag and needs quotes around it")
        return replace(slot, place="link" if LINK.search(before) else "attribute")


def _in_quotes(tag: str) -> bool:
    open_quote = ""
    for character in tag:
        if open_quote:
            open_quote = "" if character == open_quote else open_quote
        elif character in "\"'":
            open_quote = character
    return bool(open_quote)

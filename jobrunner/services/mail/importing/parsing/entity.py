"""A message and its parts (RFC 5322, 2045, 2046), found in the source without copying it.

Python's own parser makes every line a text, recurses once for each level and raises on header fields that are not as
they should be. This one looks for delimiters in the octets as they are, also in a file that is mapped into memory, and
counts against the limits while it does. Where both can read a message they find the same parts (a test compares them).
"""

import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cached_property
from mmap import mmap

from jobrunner.services.mail.importing.parsing.limits import DEFAULT, Limits, TooMuch
from jobrunner.services.mail.importing.parsing.parameters import NOTHING, Valued, read_valued
from jobrunner.services.mail.importing.parsing.words import base64

Source = bytes | mmap

LF = 10

FIELD = re.compile(rb"([^\s:][^:\n]{0,300}?)[ \t]*:([^\n]*(?:\n[ \t][^\n]*)*)(?:\n|\Z)")
BLANK = re.compile(rb"\r?\n|\r?\Z")
FROM_LINE = re.compile(rb">?From [^\n]*\n")
TYPE = re.compile(r"[a-z0-9!#$&^_.+-]{1,127}/[a-z0-9!#$&^_.+-]{1,127}")
UU_BEGIN = re.compile(rb"^begin [0-7]{3,4} [^\n]*\n", re.MULTILINE)


@dataclass(slots=True)
class Budget:
    """What may still come."""

    parts: int
    header: int
    fields: int


@dataclass
class Entity:
    """A message or one of its parts."""

    source: Source
    fields: list[tuple[str, bytes]]
    """Names in lower case, values as they stand in the source without the line end; in order."""
    header_start: int
    begin: int
    """Where its body begins and ends."""
    end: int
    default_type: str = "text/plain"
    children: list["Entity"] = field(default_factory=list)

    def first(self, name: str) -> bytes | None:
        """Return the raw value of the first field of that name."""
        return next((value for key, value in self.fields if key == name), None)

    def every(self, name: str) -> list[bytes]:
        """Return the raw values of all fields of that name."""
        return [value for key, value in self.fields if key == name]

    @cached_property
    def content_type(self) -> Valued:
        """Content-Type; that which stands for a missing or senseless one (RFC 2045, 5.2)."""
        raw = self.first("content-type")
        read = NOTHING if raw is None else read_valued(raw)
        if TYPE.fullmatch(read.value):
            return read
        return Valued(self.default_type if raw is None else "text/plain", read.parameters)

    @cached_property
    def disposition(self) -> Valued:
        """Content-Disposition; empty where there is none."""
        raw = self.first("content-disposition")
        return NOTHING if raw is None else read_valued(raw)

    @property
    def octets(self) -> int:
        """The size of its body as it stands in the source."""
        return self.end - self.begin

    def content(self, most: int | None = None) -> bytes:
        """Return its body, decoded; with `most`, what the first so many octets of it say."""
        end = self.end if most is None else min(self.end, self.begin + most)
        raw = self.source[self.begin : end]
        encoding = (self.first("content-transfer-encoding") or b"").strip().lower().split(b";")[0]
        match encoding.decode("ascii", "replace"):
            case "base64":
                return base64(raw)
            case "quoted-printable":
                return binascii.a2b_qp(raw)
            case "x-uuencode" | "uuencode" | "uue" | "x-uue":
                return _uudecode(raw)
            case _:  # 7bit, 8bit, binary; or a name that nobody knows: as it is
                return raw

    def leaves(self) -> Iterator["Entity"]:
        """Yield the parts without parts in them, in order."""
        waiting = [self]
        while waiting:
            entity = waiting.pop()
            if entity.children:
                waiting += reversed(entity.children)
            else:
                yield entity


def read_entity(source: Source, limits: Limits = DEFAULT) -> Entity:
    """Return the message with its parts.

    Raises:
        TooMuch: it exceeds a limit.
    """
    source = _with_line_ends(source)
    budget = Budget(limits.parts, limits.header, limits.fields)
    root = _read_header(source, 0, len(source), limits, budget, "text/plain")
    level = [root]
    for _ in range(limits.depth):
        level = [child for entity in level for child in _split(entity, limits, budget)]
        if not level:
            return root
    if any(_boundary(entity) is not None for entity in level):
        raise TooMuch(f"its parts are nested more than {limits.depth} levels deep")
    return root


def read_header(source: Source, limits: Limits = DEFAULT) -> Entity:
    """Return the message with its own header only, and of that as much as the limits allow. Raises nothing."""
    source = _with_line_ends(source)
    budget = Budget(limits.parts, limits.header, limits.fields)
    return _read_header(source, 0, len(source), limits, budget, "text/plain", cut=True)


def read_fields(raw: bytes, limits: Limits = DEFAULT) -> Entity:
    """Return header fields that stand alone, as in a report of delivery; as many as the limits allow."""
    return read_header(raw.lstrip(b"\r\n"), limits)


def _with_line_ends(source: Source) -> Source:
    """Return the source, with LF for CR where no line ends otherwise."""
    if source.find(b"\n") < 0 and source.find(b"\r") >= 0:
        return source[:].replace(b"\r", b"\n")
    return source


def _read_header(
    source: Source, start: int, end: int, limits: Limits, budget: Budget, default_type: str, *, cut: bool = False
) -> Entity:
    """Read a header. It ends with the first line that is neither field nor continuation, blank or not.

    With `cut`, what exceeds a limit ends it instead of raising.
    """
    fields: list[tuple[str, bytes]] = []
    position = start
    stop = min(end, start + max(0, budget.header) + 1)
    if start == 0 and (line := FROM_LINE.match(source, start, stop)):
        position = line.end()
    begin = position
    while position < end:
        match = FIELD.match(source, position, stop)
        if match is None:
            begin = position
            if blank := BLANK.match(source, position, end):
                begin = blank.end()
            elif not cut and stop < end and source.find(b"\n", position, stop) < 0:
                raise TooMuch(f"its header has more than {limits.header:,} octets")
            break
        excess = _excess(match, stop, end, limits, budget)
        if excess:
            if cut:
                begin = position
                break
            raise TooMuch(excess)
        budget.fields -= 1
        fields.append((match[1].decode("latin-1").lower(), match[2].strip(b"\r")))
        position = begin = match.end()
    budget.header -= begin - start
    return Entity(source, fields, start, begin, end, default_type)


def _excess(match: "re.Match[bytes]", stop: int, end: int, limits: Limits, budget: Budget) -> str | None:
    if match.end() >= stop and stop < end:
        return f"its header has more than {limits.header:,} octets"
    if match.end() - match.start() > limits.field:
        return f"a field of its header has more than {limits.field:,} octets"
    if budget.fields <= 0:
        return f"its header has more than {limits.fields:,} fields"
    return None


def _boundary(entity: Entity) -> bytes | None:
    """Return what parts the body of a multipart; None of any other, or where it is not said."""
    if not entity.content_type.value.startswith("multipart/"):
        return None
    boundary = entity.content_type.parameters.get("boundary", "").rstrip()
    return boundary.encode("utf-8") if 0 < len(boundary) <= 1000 else None


def _split(entity: Entity, limits: Limits, budget: Budget) -> list[Entity]:
    boundary = _boundary(entity)
    if boundary is None:
        return []
    default = "message/rfc822" if entity.content_type.value == "multipart/digest" else "text/plain"
    # It begins with letters, which are quick to find, and not with the line end before them.
    delimiter = re.compile(b"--" + re.escape(boundary) + rb"(--)?[ \t]*(?:\r?\n|\r?\Z)")
    begin: int | None = None
    spans: list[tuple[int, int]] = []
    for match in delimiter.finditer(entity.source, entity.begin, entity.end):
        if match.start() > entity.begin and entity.source[match.start() - 1] != LF:
            continue
        if begin is not None:
            spans.append((begin, _before_line_end(entity.source, begin, match.start())))
            budget.parts -= 1
            if budget.parts < 0:
                raise TooMuch(f"it has more than {limits.parts:,} parts")
        begin = match.end()
        if match[1]:
            begin = None
            break
    if begin is not None:  # the last delimiter is missing: the message was cut off, or its sender is careless
        spans.append((begin, entity.end))
    entity.children = [_read_header(entity.source, a, b, limits, budget, default) for a, b in spans if a < b]
    return entity.children


def _before_line_end(source: Source, begin: int, end: int) -> int:
    """Return the end without the line end before a delimiter, which belongs to that."""
    if end > begin and source[end - 1 : end] == b"\n":
        end -= 1
        if end > begin and source[end - 1 : end] == b"\r":
            end -= 1
    return end


def _uudecode(raw: bytes) -> bytes:
    start = UU_BEGIN.search(raw)
    if start is None:
        return raw
    lines: list[bytes] = []
    for line in raw[start.end() :].splitlines():
        if line in (b"end", b"`", b""):
            if line == b"end":
                break
            continue
        try:
            lines.append(binascii.a2b_uu(line))
        except binascii.Error:
            octets = (((line[0] - 32) & 63) * 4 + 5) // 3
            try:
                lines.append(binascii.a2b_uu(line[:octets]))
            except binascii.Error:
                return raw
    return b"".join(lines)

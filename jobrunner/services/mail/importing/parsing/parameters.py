"""Fields of the form `value; name=value; …`: Content-Type and Content-Disposition (RFC 2045, 2183, 2231)."""

import re
from dataclasses import dataclass, field
from urllib.parse import unquote_to_bytes

from jobrunner.services.mail.importing.parsing.charset import decode, tidy
from jobrunner.services.mail.importing.parsing.words import decode_words, header_text, one_line

LONGEST = 64 * 1024
MOST = 200
PARAMETER = re.compile(r';[;\s]*([^\s=;*"]+)(\*\d{1,3})?(\*)?\s*=\s*("(?:[^"\\]|\\.)*"|[^;]*)', re.DOTALL)
ESCAPED = re.compile(r"\\(.)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Valued:
    """A field taken apart; names are in lower case."""

    value: str
    """In lower case; empty where the field is missing or has none."""
    parameters: dict[str, str] = field(default_factory=dict)


NOTHING = Valued("")


def read_valued(raw: bytes) -> Valued:
    """Take a field apart. Of a parameter that stands twice the first one counts."""
    text = header_text(raw[:LONGEST])
    plain: dict[str, str] = {}
    pieces: dict[str, dict[int, tuple[bool, str]]] = {}
    head, semicolon, _ = text.partition(";")
    for count, match in enumerate(PARAMETER.finditer(text, len(head)) if semicolon else ()):
        if count >= MOST:
            break
        name, number, extended, value = match[1].lower(), match[2], bool(match[3]), match[4].strip()
        if value.startswith('"'):
            value = ESCAPED.sub(r"\1", value[1:-1] if value.endswith('"') and len(value) > 1 else value[1:])
        if number is None and not extended:
            plain.setdefault(name, decode_words(value))
        else:
            pieces.setdefault(name, {}).setdefault(int(number[1:]) if number else 0, (extended, value))
    for name, numbered in pieces.items():
        plain[name] = _joined(numbered)
    return Valued(one_line(head).lower(), plain)


def _joined(numbered: dict[int, tuple[bool, str]]) -> str:
    """Return the value that was given in pieces, `name*0*=charset'language'…` the first."""
    charset = None
    octets = b""
    for position, (number, (extended, value)) in enumerate(sorted(numbered.items())):
        if number != position:
            break  # one is missing: what follows belongs nowhere
        if extended:
            if position == 0 and value.count("'") >= 2:
                charset, _, value = value.split("'", 2)
            octets += unquote_to_bytes(value)
        else:
            octets += value.encode("utf-8", "replace")
    return one_line(tidy(decode(octets, charset or None)))

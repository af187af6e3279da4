"""Header fields as bytes: RFC 5322 for their form, RFC 2047 for other alphabets.

Lines are folded only between words of running text, never within an address, a Message-ID or a URL, and a word in an
encoded-word is never cut within a character.
"""

import re
from base64 import b64encode

from jobrunner.errors import InvalidInput
from jobrunner.services.mail.address import Mailbox

LINE = 76
"""Octets after which a line is folded where it may be."""
LINE_LIMIT = 998
"""Octets that no line may exceed, its end not counted (RFC 5322, 2.1.1)."""
WORD_LIMIT = 75
"""Octets that an encoded-word may have (RFC 2047, 2)."""

FIELD_NAME = re.compile(r"[!-9;-~]+")
CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
PHRASE = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~ -]*")
Q_PLAIN = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!*+-/")


def write_text(name: str, text: str) -> bytes:
    """Write a field of running text, such as Subject.

    Raises:
        InvalidInput: a control character in it (also for the functions below).
    """
    refuse_controls(name, text)
    words = text.split(" ")
    if text.isascii() and "=?" not in text and all(len(word) <= LINE for word in words):
        return _fold(name, words)
    return _fold(name, encoded_words(text, taken=len(name) + 2))


def write_mailbox(name: str, mailbox: Mailbox) -> bytes:
    """Write a field that holds one address and its name, such as From."""
    refuse_controls(name, mailbox.name)
    address = str(mailbox.address)
    if not mailbox.name:
        return _fold(name, [address])
    return _fold(name, [*_phrase(mailbox.name, taken=len(name) + 2), f"<{address}>"])


def write_token(name: str, value: str) -> bytes:
    """Write a field whose value must stay in one piece, such as Message-ID or a list of URLs; never folded."""
    refuse_controls(name, value)
    if not value.isascii():
        raise InvalidInput(f"the header {name} may hold ASCII characters only, got {value[:80]!r}")
    return _fold(name, [value])


def refuse_controls(name: str, value: str) -> None:
    """Raise InvalidInput for what could end a line or a field: CR, LF, NUL, and all other controls."""
    if not FIELD_NAME.fullmatch(name):
        raise InvalidInput(f"{name[:80]!r} is no name of a header field")
    if found := CONTROL.search(value):
        raise InvalidInput(f"the header {name} may not hold control characters, got {found[0]!r} in {value[:80]!r}")


def encoded_words(text: str, *, taken: int) -> list[str]:
    """Return the text as encoded-words, of which the first leaves `taken` octets free. Readers join them unspaced."""
    data = text.encode()
    q_length = sum(1 if octet in Q_PLAIN or octet == 0x20 else 3 for octet in data)
    quoted = q_length <= (len(data) + 2) // 3 * 4
    words: list[str] = []
    room = max(WORD_LIMIT - taken, 30)
    piece = ""
    for character in text:
        if piece and len(_encoded_word(piece + character, quoted)) > room:
            words.append(_encoded_word(piece, quoted))
            piece, room = "", WORD_LIMIT
        piece += character
    words.append(_encoded_word(piece, quoted))
    return words


def _encoded_word(text: str, quoted: bool) -> str:
    data = text.encode()
    if not quoted:
        return f"=?utf-8?b?{b64encode(data).decode('ascii')}?="
    return f"=?utf-8?q?{''.join(_Q[octet] for octet in data)}?="


_Q = ["_" if octet == 0x20 else chr(octet) if octet in Q_PLAIN else f"={octet:02X}" for octet in range(256)]


def _phrase(text: str, *, taken: int) -> list[str]:
    if not text.isascii() or "=?" in text or len(text) > LINE_LIMIT // 3:
        return encoded_words(text, taken=taken)
    if PHRASE.fullmatch(text) and text == " ".join(text.split()):
        return text.split(" ")
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return [f'"{escaped}"']


def _fold(name: str, words: list[str]) -> bytes:
    """Join words with blanks, and begin a new line before a word for which there is no room.

    Words of one blank-separated text may be empty (two blanks in a row); a line is never folded before one, so that
    none consists of blanks alone.
    """
    lines: list[str] = []
    line = f"{name}: {words[0]}"
    for word in words[1:]:
        if word and len(line.encode()) + 1 + len(word.encode()) > LINE and not line.endswith(" "):
            lines.append(line)
            line = f" {word}"
        else:
            line += f" {word}"
    lines.append(line)
    for line in lines:
        if len(line.encode()) > LINE_LIMIT:
            raise InvalidInput(f"the header {name} has a line of {len(line.encode())} octets: {LINE_LIMIT} are allowed")
    return "\r\n".join(lines).encode() + b"\r\n"

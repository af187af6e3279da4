"""Header fields as bytes: RFC 5322 for their form, RFC 2047 for other alphabets.

Lines are folded only between words of running text, never within an address, a Message-ID or a URL, and a word in an
encoded-word is never cut within a character. Each function looks first whether the value is printable ASCII that fits
on one line, which most are: then it is written as it is.
"""

import re
from base64 import b64encode
from functools import lru_cache

from jobrunner.errors import InvalidInput
from jobrunner.services.mail.address import Mailbox

LINE = 76
"""Octets after which a line is folded where it may be."""
LINE_LIMIT = 998
"""Octets that no line may exceed, its end not counted (RFC 5322, 2.1.1)."""
WORD_LIMIT = 75
"""Octets that an encoded-word may have (RFC 2047, 2)."""
WORD_FRAME = len("=?utf-8?q??=")

FIELD_NAME = re.compile(r"[!-9;-~]+")
CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")
PHRASE = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+( [A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*")
ATOMS = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*"
MESSAGE_ID = re.compile(rf"<{ATOMS}@{ATOMS}>")
Q_ONE = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789!*+-/ "
"""Octets that take one character in the encoding Q (RFC 2047, 4.2, for names)."""
Q = [chr(octet).replace(" ", "_") if octet in Q_ONE else f"={octet:02X}" for octet in range(256)]


def write_text(name: str, text: str) -> bytes:
    """Write a field of running text, such as Subject.

    Raises:
        InvalidInput: a control character in it (also for the functions below).
    """
    prefix = _prefix(name)
    if text.isascii() and "=?" not in text:
        if text.isprintable() and len(prefix) + len(text) <= LINE:
            return f"{prefix}{text}\r\n".encode()
        refuse_controls(name, text)
        words = text.split(" ")
        if all(len(word) <= LINE for word in words):
            return _fold(name, words)
    refuse_controls(name, text)
    return _fold(name, encoded_words(text, taken=len(prefix)))


def write_mailbox(name: str, mailbox: Mailbox) -> bytes:
    """Write a field that holds one address and its name, such as From."""
    return write_phrase(name, mailbox.name, str(mailbox.address))


def write_phrase(name: str, phrase: str, token: str) -> bytes:
    """Write a field of a phrase and a token in angle brackets, such as List-Id; without a phrase an address alone."""
    prefix = _prefix(name)
    simple = not phrase or (PHRASE.fullmatch(phrase) is not None and "=?" not in phrase)
    if simple and token.isprintable() and token.isascii():
        value = f"{phrase} <{token}>" if phrase else token
        if len(prefix) + len(value) <= LINE:
            return f"{prefix}{value}\r\n".encode()
    refuse_controls(name, phrase)
    refuse_controls(name, token)
    if not phrase:
        return _fold(name, [token])
    return _fold(name, [*_phrase(phrase, taken=len(prefix)), f"<{token}>"])


def write_token(name: str, value: str) -> bytes:
    """Write a field whose value must stay in one piece, such as a list of URLs; never folded."""
    field = f"{_prefix(name)}{value}\r\n"
    if value.isascii() and value.isprintable() and len(field) <= LINE_LIMIT + 2:
        return field.encode()
    refuse_controls(name, value)
    if not value.isascii():
        raise InvalidInput(f"the header {name} may hold ASCII characters only, got {value[:80]!r}")
    raise InvalidInput(f"the header {name} has a line of {len(field) - 2} octets: {LINE_LIMIT} are allowed")


def write_message_id(name: str, value: str) -> bytes:
    """Write a field that holds one Message-ID with its angle brackets.

    Raises:
        InvalidInput: it is none.
    """
    refuse_controls(name, value)
    if not MESSAGE_ID.fullmatch(value):
        raise InvalidInput(f"the header {name} must be of the form <left@right>, got {value[:80]!r}")
    return write_token(name, value)


def refuse_controls(name: str, value: str) -> None:
    """Raise InvalidInput for what could end a line or a field: CR, LF, NUL, and all other controls."""
    _prefix(name)
    if found := CONTROL.search(value):
        raise InvalidInput(f"the header {name} may not hold control characters, got {found[0]!r} in {value[:80]!r}")


@lru_cache(maxsize=256)
def _prefix(name: str) -> str:
    """Return what a field of that name begins with."""
    if not FIELD_NAME.fullmatch(name):
        raise InvalidInput(f"{name[:80]!r} is no name of a header field")
    return f"{name}: "


def encoded_words(text: str, *, taken: int) -> list[str]:
    """Return the text as encoded-words, of which the first leaves `taken` octets free. Readers join them unspaced."""
    data = text.encode()
    q_length = len(data) + 2 * len(data.translate(None, Q_ONE))
    b_length = (len(data) + 2) // 3 * 4
    quoted = q_length <= b_length
    room = max(WORD_LIMIT - taken, 30)
    if WORD_FRAME + min(q_length, b_length) <= room:
        return [_encoded_word(text, quoted)]
    words: list[str] = []
    begin = width = 0
    for position, character in enumerate(text):
        octets = character.encode()
        added = sum(len(Q[octet]) for octet in octets) if quoted else len(octets)
        whole = width + added
        if WORD_FRAME + (whole if quoted else (whole + 2) // 3 * 4) > room:
            words.append(_encoded_word(text[begin:position], quoted))
            begin, whole, room = position, added, WORD_LIMIT
        width = whole
    words.append(_encoded_word(text[begin:], quoted))
    return words


def _encoded_word(text: str, quoted: bool) -> str:
    data = text.encode()
    if not quoted:
        return f"=?utf-8?b?{b64encode(data).decode('ascii')}?="
    return f"=?utf-8?q?{''.join([Q[octet] for octet in data])}?="


def _phrase(text: str, *, taken: int) -> list[str]:
    if not text.isascii() or "=?" in text or len(text) > LINE_LIMIT // 3:
        return encoded_words(text, taken=taken)
    if PHRASE.fullmatch(text):
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

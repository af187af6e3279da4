"""Octets to text, whatever the sender says they are. Nothing raises; nothing leaves that PostgreSQL cannot hold.

What is labelled wrong, or with a name that nobody knows (`x-foo`, `utf8mb4`), is read as UTF-8 if it is that, else as
Windows-1252, as browsers do.
"""

import codecs
import re
from functools import lru_cache

ALIASES = {
    "utf8mb4": "utf-8",
    "utf8mb3": "utf-8",
    "unicode-1-1-utf-8": "utf-8",
    "unicode": "utf-16",
    # What says Latin-1 means Windows-1252 (WHATWG Encoding); the same for the others and their supersets.
    "iso-8859-1": "cp1252",
    "iso8859-1": "cp1252",
    "latin-1": "cp1252",
    "latin1": "cp1252",
    "x-cp1252": "cp1252",
    "ansi": "cp1252",
    "iso-8859-9": "cp1254",
    "iso-8859-11": "cp874",
    "windows-874": "cp874",
    "tis-620": "cp874",
    "gb2312": "gb18030",
    "gb_2312-80": "gb18030",
    "gbk": "gb18030",
    "x-gbk": "gb18030",
    "x-gb2312": "gb18030",
    "shift_jis": "cp932",
    "shift-jis": "cp932",
    "sjis": "cp932",
    "x-sjis": "cp932",
    "ks_c_5601-1987": "cp949",
    "ks_c_5601": "cp949",
    "euc-kr": "cp949",
    "iso-2022-jp": "iso2022_jp_ext",
    "x-mac-roman": "mac_roman",
    "macintosh": "mac_roman",
    "x-mac-cyrillic": "mac_cyrillic",
    "iso-8859-8-i": "iso-8859-8",
    "iso-8859-6-i": "iso-8859-6",
}
NO_CHARSETS = frozenset({"idna", "punycode", "unicode-escape", "raw-unicode-escape", "undefined", "mbcs", "oem"})
"""Codecs of Python that are none of mail; some take time that grows with the square of the text."""
UNKNOWN = frozenset({"", "us-ascii", "ascii", "unknown-8bit", "x-unknown", "8bit", "7bit", "binary", "x-user-defined"})
SURROGATES = re.compile("[\ud800-\udfff]")


def decode(raw: bytes, charset: str | None = None) -> str:
    """Return the text of octets in a character set as a sender names it."""
    if raw.isascii() and (charset is None or charset.lower() in UNKNOWN):
        return tidy(raw.decode("ascii"))
    codec = _codec(charset) if charset else None
    for name, errors in ((codec, "strict"), ("utf-8", "strict"), (codec, "replace"), ("cp1252", "replace")):
        if name is not None:
            try:
                return tidy(raw.decode(name, errors).removeprefix("\ufeff"))
            except (UnicodeError, ValueError, LookupError):
                continue
    return tidy(raw.decode("latin-1"))


def tidy(text: str) -> str:
    """Return the text without NUL, with U+FFFD for halves of surrogate pairs: PostgreSQL holds neither."""
    if "\0" in text:
        text = text.replace("\0", "")
    return text if text.isascii() else SURROGATES.sub("\ufffd", text)


@lru_cache(maxsize=256)
def _codec(charset: str) -> str | None:
    """Return the codec for a name, or None where there is none or it is not known what the octets are."""
    name = charset.partition(";")[0].strip(" \t\"'").lower().partition("*")[0]
    if name in UNKNOWN or len(name) > 60:
        return None
    name = ALIASES.get(name, name)
    try:
        info = codecs.lookup(name)
    except (LookupError, ValueError):  # ValueError: a name with NUL
        return None
    # The mark that `bytes.decode` itself looks at: base64, zlib and their like are no character sets.
    is_text = getattr(info, "_is_text_encoding", True)
    return info.name if is_text and info.name.replace("_", "-") not in NO_CHARSETS else None

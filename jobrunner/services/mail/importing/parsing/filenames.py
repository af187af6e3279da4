"""Names of files as senders give them, made safe for any system to save (failures H08)."""

import mimetypes
import re
import unicodedata

NAME_OCTETS = 255
UNNAMED = "unnamed"
RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9¹²³]|lpt[0-9¹²³]|conin\$|conout\$)(\..*)?", re.IGNORECASE)
FORBIDDEN = re.compile(r'[<>:"|?*]')
SUFFIX_OCTETS = 40
TYPES = mimetypes.MimeTypes()  # Python's own table, not the machine's: the same everywhere
EXTENSIONS = {
    "message/rfc822": ".eml",
    "message/delivery-status": ".txt",
    "message/global-delivery-status": ".txt",
    "message/disposition-notification": ".txt",
    "message/feedback-report": ".txt",
    "text/rfc822-headers": ".txt",
    "text/calendar": ".ics",
    "application/ics": ".ics",
    "application/ms-tnef": ".dat",
    "image/jpeg": ".jpg",
    "text/plain": ".txt",
    "text/html": ".html",
}


def safe_name(name: str, content_type: str = "") -> str:
    """Return a name without folders, controls, marks that turn the direction of writing, or letters of its own to a
    system; `unnamed` where nothing is left. At most 255 octets, the extension kept.
    """
    name = unicodedata.normalize("NFC", name)
    # Cc, Cf: controls, zero width, right to left; Zl, Zp: line ends; Cs, Co, Cn: no letters that anybody can read.
    name = "".join(" " if unicodedata.category(c) in ("Cc", "Zl", "Zp") else c for c in name)
    name = "".join(c for c in name if unicodedata.category(c) not in ("Cf", "Cs", "Co", "Cn"))
    name = name.replace("\\", "/").rstrip("/ ").rpartition("/")[2]
    name = " ".join(FORBIDDEN.sub("_", name).split()).strip(". ") if name.strip(". ") else ""
    if not name:
        return UNNAMED + extension_for(content_type)
    if RESERVED.fullmatch(name):
        name = f"_{name}"
    return _cut(name)


def extension_for(content_type: str) -> str:
    """Return the extension, with its dot, of a type; empty where there is none."""
    return EXTENSIONS.get(content_type) or TYPES.guess_extension(content_type) or ""


def type_for(name: str, content_type: str) -> str:
    """Return the type of a file: what the sender says, unless that is only that it consists of octets."""
    if content_type in ("application/octet-stream", ""):
        return TYPES.guess_type(f"x/{name}")[0] or "application/octet-stream"
    return content_type


def _cut(name: str) -> str:
    if len(name.encode()) <= NAME_OCTETS:
        return name
    stem, dot, suffix = name.rpartition(".")
    if not dot or len(suffix.encode()) > SUFFIX_OCTETS:
        stem, dot, suffix = name, "", ""
    room = NAME_OCTETS - len((dot + suffix).encode())
    return stem.encode()[:room].decode("utf-8", "ignore").rstrip(" .") + dot + suffix

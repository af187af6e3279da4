"""BODYSTRUCTURE (RFC 3501, 7.4.2): of which parts a message is made."""

from jobrunner.services.mail.imap.fault import Fault, LineBroken
from jobrunner.services.mail.imap.mailbox import Part
from jobrunner.services.mail.imap.values import Value, number

DEPTH_LIMIT = 50
PARTS_LIMIT = 1000


def read_structure(value: Value) -> Part:
    """Return the parts.

    Raises:
        LineBroken: it is no structure, or one of more parts than a mail has.
    """
    return _Reader().read(value, "", 0)


class _Reader:
    def __init__(self) -> None:
        self._count = 0

    def read(self, value: Value, section: str, depth: int) -> Part:
        self._count += 1
        if self._count > PARTS_LIMIT or depth > DEPTH_LIMIT:
            raise LineBroken(Fault.FLOOD, f"a message of over {PARTS_LIMIT} parts, or nested over {DEPTH_LIMIT} deep")
        if not isinstance(value, list) or not value:
            raise LineBroken(Fault.NONSENSE, "a BODYSTRUCTURE that is none")
        if isinstance(value[0], list):
            return self._read_multipart(value, section, depth)
        return self._read_single(value, section or "1", depth)

    def _read_multipart(self, value: list[Value], section: str, depth: int) -> Part:
        below = []
        for index, part in enumerate(value, 1):
            if not isinstance(part, list):
                break
            below.append(self.read(part, f"{section}.{index}" if section else str(index), depth + 1))
        rest = value[len(below) :]
        subtype = _text(rest[0] if rest else None).lower() or "mixed"
        return Part(section, f"multipart/{subtype}", parts=tuple(below))

    def _read_single(self, value: list[Value], section: str, depth: int) -> Part:
        fields = [*value, *[None] * (7 - len(value))]
        content_type = f"{_text(fields[0])}/{_text(fields[1])}".lower()
        parameters = _parameters(fields[2])
        disposition, disposition_parameters = _disposition(value)
        parts: tuple[Part, ...] = ()
        if content_type == "message/rfc822" and len(value) > 8 and isinstance(value[8], list):
            # A message in a message: a multipart below it takes its number, anything else is its first part.
            inside = value[8]
            multipart = bool(inside) and isinstance(inside[0], list)
            parts = (self.read(inside, section if multipart else f"{section}.1", depth + 1),)
        return Part(
            section=section,
            content_type=content_type,
            charset=parameters.get("charset"),
            encoding=_text(fields[5]).lower() or "7bit",
            size=number(fields[6]) or 0,
            disposition=disposition,
            filename=disposition_parameters.get("filename") or parameters.get("name"),
            content_id=_text(fields[3]) or None,
            parts=parts,
        )


def _disposition(value: list[Value]) -> tuple[str | None, dict[str, str]]:
    """Return it from the fields behind those that every part has; how many come before it differs by kind."""
    for field in value[7:]:
        if isinstance(field, list) and len(field) == 2 and isinstance(field[0], bytes):
            name = _text(field[0]).lower()
            if name in ("attachment", "inline") or isinstance(field[1], list):
                return name, _parameters(field[1])
    return None, {}


def _parameters(value: Value) -> dict[str, str]:
    if not isinstance(value, list):
        return {}
    return {_text(name).lower(): _text(text) for name, text in zip(value[::2], value[1::2], strict=False)}


def _text(value: Value) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else ""

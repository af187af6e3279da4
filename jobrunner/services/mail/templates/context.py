"""What blocks know: the allowed fields as plain data, which is all that leaves for the sandbox."""

from collections.abc import Collection, Mapping
from typing import Any

from jobrunner.services.mail.templates.formatting import Style
from jobrunner.services.mail.templates.values import Values


def context(values: Values, allowed: Mapping[str, Collection[str]]) -> dict[str, Any]:
    """Return records, moments and names of the mailing by what a block calls them; JSON can hold it."""
    style = values.style
    found: dict[str, Any] = {
        "today": style.write(style.today(values.now)),
        "now": style.write(values.now),
        "currentYear": style.today(values.now).year,
        **{name: value for name, value in values.names.items() if name.isidentifier()},
    }
    for record, paths in allowed.items():
        found[record] = _record(values, record, paths, style)
    return found


def _record(values: Values, record: str, paths: Collection[str], style: Style) -> dict[str, Any]:
    fields = values.records.get(record, {})
    data: dict[str, Any] = {}
    if "*" in paths:
        data = {name: _plain(value, style) for name, value in fields.items() if "." not in name}
    for path in paths:
        first, _, rest = path.partition(".")
        if rest:
            linked = data.get(first)
            data[first] = {
                **(linked if isinstance(linked, dict) else {}),
                rest: _plain(values.find(record, path), style),
            }
        elif path != "*":
            data[path] = _plain(values.find(record, path), style)
    return data


def _plain(value: Any, style: Style) -> Any:
    """Numbers and truth stay what they are, for comparisons; all else is text as people read it."""
    match value:
        case None | bool():
            return value
        case int() | float() if abs(value) < 1e15:
            return value
        case list() | tuple() | set() | frozenset():
            return [_plain(item, style) for item in value]
        case _:
            return style.write(value)

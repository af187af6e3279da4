"""What a job may not be made of (failures H02 and H03), for every door: Python, bulk, SQL, command line."""

import json
from typing import Any


def nested(levels: int) -> dict[str, Any]:
    """Return data whose innermost value stands so many levels below the outermost object."""
    value: Any = 1
    for _ in range(levels - 1):
        value = [value]
    return {"a": value}


DATA: dict[str, tuple[str, str]] = {
    # what it is: the JSON as it comes in, words of the refusal by our own rules
    "NUL": ('{"a": "x\\u0000y"}', "NUL"),
    "NUL in a key": ('{"x\\u0000y": 1}', "NUL"),
    "NUL in depth": ('{"a": [{"b": ["x\\u0000"]}]}', "NUL"),
    "lone high surrogate": ('{"a": "\\ud800"}', "half of a surrogate pair"),
    "lone low surrogate": ('{"a": "\\udc00x"}', "half of a surrogate pair"),
    "surrogate in a key": ('{"\\udfff": 1}', "half of a surrogate pair"),
    "NaN": ('{"a": NaN}', "NaN"),
    "Infinity": ('{"a": [-Infinity]}', "1.8e308"),
    "1e400": ('{"a": 1e400}', "1.8e308"),
    "401 digits": (json.dumps({"a": [10**400]}), "1.8e308"),
    "5001 digits": (f'{{"a": 1{"0" * 5000}}}', "1.8e308"),
    "101 levels": (json.dumps(nested(101)), "100 levels deep"),
    "900 levels": (json.dumps(nested(900)), "100 levels deep"),
    "10,000 levels": ('{"a": ' + "[" * 10_000 + "]" * 10_000 + "}", "100 levels deep"),
    "10 MB": (json.dumps({"a": "x" * 10_000_000}), "1 MiB"),
    "1 MiB and one byte": (json.dumps({"a": "x" * (1024 * 1024 - len('{"a": ""}') + 1)}), "1 MiB"),
    "an array": ("[1, 2]", "object, got array"),
    "a text": ('"text"', "object, got string"),
    "a number": ("3", "object, got number"),
}

KEPT: dict[str, dict[str, Any]] = {
    "nothing": {},
    "big integers": {"a": 2**53 + 1, "b": -(10**300), "c": 9_007_199_254_740_993},
    "the largest double": {"a": 17976931348623157 * 10**292, "b": -(10**308)},
    "a small number": {"a": 5e-324, "b": 0.1},
    "100 levels": nested(100),
    "what looks like NUL": {"a": "\\u0000", "b": "\\\\u0000"},
    "NaN as text": {"a": "NaN", "b": "Infinity"},
    "309 digits as text": {"a": "9" * 5000},
    "many brackets in text": {"a": "[{" * 500},
    "letters of all kinds": {"ключ": "émoji 😀 \u202e\u0001\x7f\u2028 'quotes' \"double\" \\ {\n\t\r"},
    "1 MiB": {"a": "x" * (1024 * 1024 - len('{"a": ""}'))},
    "1 MiB of long letters": {"a": "ä" * ((1024 * 1024 - len('{"a": ""}')) // 2)},
}

NAMES: dict[str, str] = {
    # what it is: a name that is refused as job, queue, group, unique key, target's type and id
    "empty": "",
    "NUL": "a\x00b",
    "line break": "a\nb",
    "tab": "a\tb",
    "escape": "a\x1b[31mb",
    "delete": "a\x7fb",
    "C1": "a\x9bb",
    "right to left": "a\u202eb",
    "isolate": "a\u2067b",
    "Arabic mark": "a\u061cb",
    "line separator": "a\u2028b",
    "byte order mark": "\ufeffab",
    "10,000 letters": "x" * 10_000,
    "256 letters": "x" * 256,
}

HARMLESS = [
    "Robert'); DROP TABLE jobrunner.job; --",
    "$1 %s {name} ${x}",
    "\"quoted\" 'twice' \\back",
    "日本語 emoji 👩‍👩‍👧",
    "x" * 255,
    "a" * 63 + "ä",
]

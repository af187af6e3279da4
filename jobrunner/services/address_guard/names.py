"""The rule for a host's name: what is refused before any resolver is asked."""

import re

LONGEST_NAME = 253
LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
# As the URL standard has it: a host whose last label looks like a number is meant as an IPv4 address.
NUMBER = re.compile(r"[0-9]+|0x[0-9a-f]*")
INTERNAL_SUFFIXES = ("localhost", "local", "internal", "home.arpa", "localdomain")


def comparable(name: str) -> str:
    """Return a name in small letters, without the full stop of the root."""
    return name.lower().removesuffix(".")


def name_reason(name: str) -> str | None:
    """Return why a `comparable` name that is no IP literal is refused; None for one that may be looked up."""
    labels = name.split(".")
    if len(name) > LONGEST_NAME or not all(LABEL.fullmatch(label) for label in labels):
        return "is no host's name"
    if NUMBER.fullmatch(labels[-1]):
        return "is an IP address in a form that is not taken; write it as four decimal numbers"
    for suffix in INTERNAL_SUFFIXES:
        if name == suffix or name.endswith(f".{suffix}"):
            return f"is an internal name ({suffix})"
    return "is a name without a dot" if len(labels) == 1 else None

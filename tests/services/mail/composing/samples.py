"""Texts that are hard to carry, for property tests."""

from dataclasses import dataclass

from hypothesis import strategies as st

from jobrunner.services.mail.address import Address, Mailbox, parse_address
from jobrunner.services.mail.composing.body import clean_lines
from jobrunner.services.mail.composing.segments import Segments
from jobrunner.services.mail.composing.text import one_line

HARD = [
    " ",
    "\t",
    "=",
    ".",
    "\n",
    "\r",
    "\r\n",
    ".\n",
    "\n.",
    " \n",
    "\t\r\n",
    "=\n",
    "=3D",
    "=?utf-8?q?x?=",
    "--=_alternative",
    "--=_alternative--\n",
    "From ",
    "ß",
    "漢字",
    "😀",
    "\0",
    "\x07",
    "\x7f",
    "\x85",
    "\u2028",
    "\ufeff",
    "\ud800",
    "<b>&amp;</b>",
    "w" * 70,
    "w" * 74,
    "w" * 75,
    "w" * 76,
    "é" * 40,
    "https://example.com/t/" + "k" * 90,
]

pieces = st.one_of(st.sampled_from(HARD), st.text(max_size=30), st.text("ab =.\n", max_size=90))
texts = st.lists(pieces, max_size=8).map("".join)
"""Any text, often of what has gone wrong somewhere."""

lines = texts.map(lambda text: one_line(text, 200))
"""Such a text as a record's field makes it: one line."""

atoms = st.text("abcXYZ019!#$%&'*+-/=?^_`{|}~", min_size=1, max_size=20)
labels = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,10}[a-z0-9])?", fullmatch=True)
addresses: st.SearchStrategy[Address] = st.builds(
    lambda local, domain: parse_address(f"{'.'.join(local)}@{'.'.join(domain)}"),
    st.lists(atoms, min_size=1, max_size=3),
    st.lists(labels, min_size=1, max_size=4),
)
mailboxes: st.SearchStrategy[Mailbox] = st.builds(Mailbox, addresses, lines)


@dataclass(frozen=True)
class Value:
    """The place of a value in a template, and the value."""

    text: str


templates = st.lists(st.one_of(texts, texts.map(Value)), max_size=6)


def values_of(template: Segments) -> list[str]:
    return [segment.text for segment in template if isinstance(segment, Value)]


def expected(text: str) -> str:
    """What a reader must find of a body: the text without controls, ending with a line end."""
    lines = clean_lines(text).encode("utf-8", "replace").decode()
    return lines if lines.endswith("\n") else f"{lines}\n"

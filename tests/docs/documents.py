"""The project's documents, and what stands in them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"


def documents() -> list[Path]:
    """Every document that a reader may come to."""
    return [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]


@dataclass(frozen=True)
class Block:
    """A fenced block of code, with the heading under which it stands."""

    heading: str
    language: str
    text: str


def blocks(text: str) -> Iterator[Block]:
    """Yield the blocks of a document in order."""
    heading, language, lines = "", "", list[str]()
    inside = False
    for line in text.splitlines():
        if line.startswith("```"):
            if inside:
                yield Block(heading, language, "\n".join(lines) + "\n")
            language, lines = line[3:].strip(), []
            inside = not inside
        elif inside:
            lines.append(line)
        elif line.startswith("#"):
            heading = line.lstrip("#").strip()
    assert not inside, f"a block of code under {heading!r} does not end"


def prose(text: str) -> str:
    """Return a document without its blocks of code."""
    return re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)


def anchors(text: str) -> set[str]:
    """Return what a link to a heading may say after its #."""
    headings = re.findall(r"^#+ (.+)$", prose(text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}

"""Writes what of the documentation is made from the code; says which files changed."""

import sys
from pathlib import Path

from scripts.reference import commands, failures

DOCS = Path(__file__).parents[2] / "docs"


def pages() -> dict[Path, str]:
    """Return each document that is made from the code, wholly or in part, as it is to be."""
    promises = DOCS / "promises.md"
    return {
        DOCS / "commands.md": commands.page(),
        promises: failures.filled(promises.read_text(encoding="utf-8")),
    }


if __name__ == "__main__":
    for path, text in pages().items():
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
            print(f"wrote {path.relative_to(DOCS.parent)}", file=sys.stderr)

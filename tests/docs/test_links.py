"""Links of the documents lead somewhere, and a newcomer finds every document."""

import re
from pathlib import Path

import pytest

from tests.docs.documents import README, ROOT, anchors, documents, prose

LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")


def links(document: Path) -> list[str]:
    return LINK.findall(prose(document.read_text(encoding="utf-8")))


@pytest.mark.parametrize("document", documents(), ids=lambda path: str(path.relative_to(ROOT)))
def test_every_relative_link_resolves(document: Path):
    for link in links(document):
        if re.match(r"[a-z]+:", link):
            continue
        path, _, anchor = link.partition("#")
        target = (document.parent / path).resolve() if path else document
        assert target.is_relative_to(ROOT), f"{link} leads out of the project"
        assert target.exists(), f"{link} leads nowhere"
        if anchor:
            assert anchor in anchors(target.read_text(encoding="utf-8")), f"{link}: there is no such heading"


def test_the_readme_leads_to_every_document():
    linked = {(README.parent / link.partition("#")[0]).resolve() for link in links(README)}
    assert {path for path in documents() if path != README} <= linked


def test_the_documents_name_no_machine():
    """No path of somebody's machine, and no address but those that are meant for examples."""
    for document in documents():
        text = document.read_text(encoding="utf-8")
        assert not re.search(r"/(home|root|Users)/\w", text), document
        for host in re.findall(r"https?://([^/\s)`\"']+)", text):
            assert re.search(
                r"(^|\.)(example\.(org|com|net)|localhost|github\.com|keepachangelog\.com)(:\d+)?$", host
            ), f"{document}: {host}"

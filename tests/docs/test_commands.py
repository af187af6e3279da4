"""docs/commands.md is what the program says, and every command that a document names exists."""

import re
import shlex
from pathlib import Path

import pytest

from scripts.reference import commands
from tests.docs.documents import ROOT, blocks, documents, prose

COMMANDS = {command.name: command for command in commands.commands()}
EVERYWHERE = {"--database-url", "--config", "--import", "--help", "-h"}
GROUPS = commands.groups().keys()


def test_the_reference_is_what_the_program_says():
    text = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
    assert text == commands.page(), "stale: `scripts/docs` writes it anew"


def test_every_command_and_parameter_has_words():
    for command in COMMANDS.values():
        assert command.help.endswith("."), command.name
        for parameter in command.parameters:
            assert parameter.meaning.rstrip().endswith((".", "?")), f"{command.name}: {parameter.written}"


def calls(document: Path) -> set[str]:
    """Return the calls of jobrunner in a document: whole lines of its shell blocks, and what stands in back-quotes."""
    text = document.read_text(encoding="utf-8")
    lines = [line for block in blocks(text) if block.language in ("sh", "", "cron") for line in block.text.splitlines()]
    spans = re.findall(r"`([^`]+)`", prose(text))
    found = [part for line in [*lines, *spans] for part in re.findall(r"(?:^|[\s(])(jobrunner .*)", line)]
    return {call for call in found if not call.startswith(("jobrunner COMMAND", "jobrunner GROUP", "jobrunner --"))}


@pytest.mark.parametrize("document", [path for path in documents() if path.name != "commands.md"], ids=lambda p: p.name)
def test_every_command_that_is_named_exists(document: Path):
    for call in calls(document):
        words = shlex.split(
            re.sub(r"[#&|;).].*$", "", call) if "'" not in call and '"' not in call else call, comments=True
        )
        words = [word.rstrip("&)|;,") for word in words[1:]]
        words = [word for word in words if word]
        if not words:
            continue
        name = " ".join(words[:2]) if words[0] in GROUPS else words[0]
        if name in GROUPS:
            continue
        assert name in COMMANDS, f"{call!r}: there is no such command"
        for word in words:
            option = word.partition("=")[0]
            if re.fullmatch(r"--?[a-z][\w-]*", option):
                assert option in COMMANDS[name].options | EVERYWHERE, f"{call!r}: {name} has no {option}"

"""docs/commands.md is what the program says, and every command that a document names exists."""

import re
import shlex
from itertools import takewhile
from pathlib import Path

import pytest

from jobrunner.definitions import registry
from jobrunner.errors import UnknownDefinition
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
    found = [part for line in [*lines, *spans] for part in re.findall(CALL, line)]
    return {call for call in found if not call.startswith(("jobrunner COMMAND", "jobrunner GROUP", "jobrunner --"))}


CALL = r"(?:^|[\s(])(?:\S*/)?(jobrunner (?!(?:\S*/)?jobrunner\b).*)"
"""The program's name and what follows; not where the name is a user's or a container's and the program comes next."""


def words_of(call: str) -> list[str]:
    """Return the words of a call as a shell reads them, up to its end or what follows it."""
    reader = shlex.shlex(call, posix=True, punctuation_chars=True)
    reader.whitespace_split = True
    return list(takewhile(lambda word: not set(word) <= set("();<>|&"), reader))


def data_of(job: str) -> set[str]:
    """Return the data of a job of ours as options of run-job."""
    registry.load()
    try:
        fields = registry.find(job).parameters_schema()["properties"]
    except UnknownDefinition:
        return set()
    return {f"--{field.replace('_', '-')}" for field in fields}


@pytest.mark.parametrize("document", [path for path in documents() if path.name != "commands.md"], ids=lambda p: p.name)
def test_every_command_that_is_named_exists(document: Path):
    for call in calls(document):
        _, first, *rest = words_of(call)
        name = f"{first} {rest[0]}" if first in GROUPS and rest else first
        if name in GROUPS:
            continue
        assert name in COMMANDS, f"{call!r}: there is no such command"
        for word in rest:
            option = word.partition("=")[0]
            if re.fullmatch(r"--?[a-z][\w-]*", option):
                known = COMMANDS[name].options | EVERYWHERE | (data_of(rest[0]) if name == "run-job" else set())
                assert option in known, f"{call!r}: {name} has no {option}"


def test_the_documents_name_commands_at_all():
    named = {" ".join(words_of(call)[1:2]) for document in documents() for call in calls(document)}
    assert {"daemon", "cron", "run-job", "jobs", "logs", "why", "status", "settings", "scheduled-jobs"} <= named
    assert words_of("jobrunner logs -f $job) &")[1:] == ["logs", "-f", "$job"]

"""Each row of the table of outcomes, said by a server: classified so, and the rest of the batch is delivered."""

import pytest

from jobrunner.services.mail.smtp import Outcome, Phase
from tests.services.mail.smtp.scripted_server import SILENT
from tests.services.mail.smtp.test_every_step import (
    MESSAGE,
    STEPS,
    Pair,
    envelope,
    pair,
    pipelining,
    recipients,
    short_limit,
)
from tests.services.mail.smtp.test_outcome import ROWS

__all__ = ["pair"]

COMMANDS = {phase: step for step, phase in STEPS.items()}
SAID = [row for row in ROWS if row.values[0] in COMMANDS]


@pipelining
@pytest.mark.parametrize(("phase", "code", "text", "expected"), SAID)
async def test_a_server_says(phase: Phase, code: int, text: str, expected: Outcome, pipelining: bool, pair: Pair):
    """F50."""
    step = COMMANDS[phase]
    async with pair({step: [f"{code} {text}"]}, pipelining=pipelining) as (server, session):
        first = await session.send(MESSAGE, envelope())
        rest = [await session.send(MESSAGE, envelope(f"{name}@example.org")) for name in ("bob", "cyd")]

    assert first.outcome is expected
    assert (first.code, first.text, first.phase) == (code, text, phase)
    stored = ["ann@example.org"] if phase is Phase.DOT else []  # the scripted server keeps it all the same
    if phase is Phase.LOGIN and code >= 500:
        assert [result.outcome for result in rest] == [Outcome.AUTHENTICATION] * 2  # and it is not asked again
        assert server.connections == 1
    else:
        assert [result.outcome for result in rest] == [Outcome.ACCEPTED] * 2
        assert recipients(server) == [*stored, "bob@example.org", "cyd@example.org"]


@pipelining
async def test_a_server_that_keeps_silent_after_the_message_leaves_its_outcome_unknown(pipelining: bool, pair: Pair):
    """F49."""
    async with pair({"DOT": [SILENT]}, pipelining=pipelining, limits=short_limit("DOT")) as (server, session):
        first = await session.send(MESSAGE, envelope())
        second = await session.send(MESSAGE, envelope("bob@example.org"))

    assert [first.outcome, second.outcome] == [Outcome.UNKNOWN, Outcome.ACCEPTED]
    assert recipients(server) == ["ann@example.org", "bob@example.org"]

"""The buffer: when more letters are claimed, and when they are written."""

from types import SimpleNamespace
from typing import Any

from jobrunner.services.massmail.sending.buffer import Buffer


def letters(number: int) -> list[Any]:
    return [SimpleNamespace(item=SimpleNamespace(domain="example.net")) for _ in range(number)]


def wants(buffer: Buffer) -> tuple[bool, bool]:
    """Whether it wants letters to be claimed, and to be written."""
    return buffer._claimable.is_set(), buffer._wanted.is_set()


def test_more_are_claimed_before_they_are_wanted():
    buffer = Buffer(low=2, domain_concurrency=10)
    assert wants(buffer) == (True, True)
    buffer.put(letters(5))
    seen = [wants(buffer)]
    while len(buffer):
        assert buffer.take() is not None
        seen.append(wants(buffer))
    assert seen == [(False, False), (True, False), (True, False), (True, True), (True, True), (True, True)]


def test_nobody_waits_for_one_that_was_cleared():
    buffer = Buffer(low=1, domain_concurrency=1)
    buffer.put(letters(9))
    buffer.clear()
    assert wants(buffer) == (True, True)
    assert buffer.is_drained

"""Where log lines are written."""

import logging
import os
import sys

import pytest

from jobrunner.cli.log_writer import LogWriter


def test_its_descriptor_is_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """The number of one that was closed becomes that of a file or a connection: no line may go there."""
    reading, writing = os.pipe()
    elsewhere, to_elsewhere = os.pipe()
    try:
        with open(writing, "w", closefd=False) as stderr:
            monkeypatch.setattr(sys, "stderr", stderr)
            writer = LogWriter()
        os.dup2(to_elsewhere, writing)
        writer.emit(logging.makeLogRecord({"msg": "hello"}))
        assert os.read(reading, 100) == b"hello\n"
        os.set_blocking(elsewhere, False)
        with pytest.raises(BlockingIOError):
            os.read(elsewhere, 100)
    finally:
        for descriptor in (reading, writing, elsewhere, to_elsewhere):
            os.close(descriptor)

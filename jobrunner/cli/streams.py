"""Standard output that remembers what kept it from being written, so that this is said and nothing else.

A full disk, a closed descriptor, a reader that has gone: the error comes up wherever something happens to be printed,
and there it may be taken for an error of the database.
"""

import os
import sys
from io import BufferedWriter, FileIO, TextIOWrapper
from typing import Any, TextIO


class Output(FileIO):
    """A descriptor that is written to; it is left open at the end."""

    fault: OSError | None = None
    """The first error of a write."""

    def __init__(self, number: int) -> None:
        super().__init__(number, "wb", closefd=False)

    def write(self, data: Any, /) -> int:
        """Write some of the data, as its base class does."""
        try:
            return super().write(data)
        except OSError as error:
            self.fault = self.fault or error
            raise


def prepare() -> None:
    """Let standard output remember its fault, and take whatever character in whatever locale."""
    if sys.stdout is sys.__stdout__ and isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.flush()
        on_terminal = sys.stdout.isatty()
        raw = Output(sys.stdout.fileno())
        sys.stdout = TextIOWrapper(BufferedWriter(raw), encoding=sys.stdout.encoding, line_buffering=on_terminal)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def fault(stream: TextIO) -> OSError | None:
    """Write what waits to be written; return what has kept the stream from being written, if anything has."""
    try:
        stream.flush()
    except OSError as error:
        return error
    raw = getattr(getattr(stream, "buffer", None), "raw", None)
    return raw.fault if isinstance(raw, Output) else None


def drop(stream: TextIO) -> None:
    """Let what is still written go nowhere: nobody reads it, and Python would complain at exit."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, stream.fileno())
    os.close(nowhere)

"""A command whose output, or standard error, is a terminal."""

import os
import pty
import subprocess
import sys
from typing import NamedTuple


class Seen(NamedTuple):
    """What came of it."""

    screen: str
    """What was written to the terminal."""
    beside: str
    """What was written to the other stream."""


def on_a_terminal(*arguments: str, columns: int = 200, stream: str = "stdout") -> Seen:
    """Run Python with these arguments and this stream on a terminal of so many columns; it must succeed."""
    controller, terminal = pty.openpty()
    other = "stderr" if stream == "stdout" else "stdout"
    try:
        try:
            done = subprocess.run(
                [sys.executable, *arguments],
                env=os.environ | {"TERM": "xterm-256color", "COLUMNS": str(columns), "LINES": "24"},
                timeout=60,
                check=True,
                **{stream: terminal, other: subprocess.PIPE},
            )
        finally:
            os.close(terminal)
        screen = b""
        try:
            while piece := os.read(controller, 65536):
                screen += piece
        except OSError:  # Linux says so when the other end is closed
            pass
    finally:
        os.close(controller)
    return Seen(screen.decode(), getattr(done, other).decode())

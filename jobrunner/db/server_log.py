"""The log of a PostgreSQL of ours: what it says, and why one did not start."""

import os
from pathlib import Path
from typing import BinaryIO

LARGEST = 16 * 2**20
"""Bytes; a larger log is set aside with `.1` behind its name at the next start."""
READ_LIMIT = 8192
"""Bytes at its end in which the reason is looked for."""
NOT_YET = "the database system is "
"""How it begins what it tells who comes while it starts, recovers or stops."""


class ServerLog:
    """One file, to which one server after another writes."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._began = 0
        """Where the lines of the server launched last begin."""

    def open(self) -> BinaryIO:
        """Return the file for a server that is about to be launched."""
        if self.path.exists() and self.path.stat().st_size > LARGEST:
            self.path.replace(self.path.with_suffix(".log.1"))
        log = open(self.path, "ab", opener=lambda path, flags: os.open(path, flags, 0o600))  # noqa: SIM115  the caller closes it
        self._began = os.fstat(log.fileno()).st_size
        return log

    def reason(self) -> str:
        """Return why the server launched last ended, in its own words."""
        with self.path.open("rb") as file:
            file.seek(max(self._began, self.path.stat().st_size - READ_LIMIT))
            lines = file.read().decode(errors="replace").splitlines()
        # What it says before it has read its configuration is in several lines, and not marked.
        unmarked = "; ".join(line.strip(" ,") for line in lines if line.strip()).removeprefix("postgres: ")
        fatal = [line.partition("FATAL:")[2].strip() for line in lines if "FATAL:" in line]
        # What it told those who knocked meanwhile, us among them, is not why it ended.
        reasons = [reason for reason in fatal if not reason.startswith(NOT_YET)] or fatal or [unmarked]
        return reasons[-1]

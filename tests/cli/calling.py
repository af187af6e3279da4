"""Calls a command as a shell would, in this process: what it prints, and its exit code."""

import asyncio
import json
import logging
import os
import sys
from asyncio.subprocess import PIPE
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import pytest

from jobrunner.cli import main


@dataclass(frozen=True)
class Done:
    """What came of a command."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[str]:
        return self.out.splitlines()

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def rows(self) -> list[dict[str, str]]:
        """The first table that was printed, as it comes through a pipe."""
        table = self.out.split("\n\n")[0].splitlines()
        heading, *lines = [line.split("\t") for line in table]
        return [dict(zip(heading, line, strict=True)) for line in lines]


async def outside(*arguments: str, path: str = "") -> Done:
    """Call a command in a process of its own, which run-job needs; `path` has packages of an application."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "jobrunner", *arguments, stdout=PIPE, stderr=PIPE, env={**os.environ, "PYTHONPATH": path}
    )
    async with asyncio.timeout(60):
        out, err = await process.communicate()
    return Done(process.returncode or 0, out.decode(), err.decode())


Call: TypeAlias = Callable[..., Awaitable[Done]]


def caller(capsys: "pytest.CaptureFixture[str]") -> Call:
    """Return what calls a command: on a thread of its own, since commands have an event loop of their own."""

    def run(arguments: tuple[str, ...]) -> int:
        root, raising = logging.getLogger(), logging.raiseExceptions
        level, handlers = root.level, list(root.handlers)
        try:
            with pytest.raises(SystemExit) as end:
                main(list(arguments))
        finally:  # what a command that logs has set is that of a process of its own
            root.handlers[:], logging.raiseExceptions = handlers, raising
            root.setLevel(level)
        assert isinstance(end.value.code, int)
        return end.value.code

    async def call(*arguments: object) -> Done:
        capsys.readouterr()
        code = await asyncio.to_thread(run, tuple(map(str, arguments)))
        out, err = capsys.readouterr()
        assert "Traceback" not in err, err
        return Done(code, out, err)

    return call

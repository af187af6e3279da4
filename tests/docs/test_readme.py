"""The README's "a job of your own in ten lines" works as it is written: in an empty folder, line by line in a shell."""

import ast
import asyncio
import inspect
import os
import re
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from types import CodeType
from typing import Any

import asyncpg
import pytest

from tests.docs.documents import README, blocks
from tests.support.daemons import until

HEADING = "A job of your own in ten lines"
LIMIT = 60.0
ADA = '{"name": "Ada"}'
THEN = 'echo "*** all lines were run"; read -r _; kill %1; wait %1'


def block(language: str, place: int = 0) -> str:
    of_section = [one for one in blocks(README.read_text(encoding="utf-8")) if one.heading == HEADING]
    return [one for one in of_section if one.language == language][place].text


class Shell:
    """A shell that has run the README's lines, in which its daemon goes on until the end of the test."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.output = ""
        self.errors = ""
        assert process.stdout is not None
        assert process.stderr is not None
        self._out, self._err = process.stdout, process.stderr
        self._reading = asyncio.create_task(self._read_errors())

    async def _read_errors(self) -> None:
        async for line in self._err:
            self.errors += line.decode()

    async def lines_run(self) -> None:
        async with asyncio.timeout(LIMIT):
            async for line in self._out:
                if line.startswith(b"***"):
                    return
                self.output += line.decode()
        await self._reading
        raise AssertionError(f"a line failed:\n{self.output}\n{self.errors}")

    async def end(self) -> int:
        """Have the shell stop its daemon, and return how that ended."""
        assert self.process.stdin is not None
        self.process.stdin.write(b"\n")
        async with asyncio.timeout(LIMIT):
            await self._reading
            return await self.process.wait()


@pytest.fixture
async def shell(empty_database_url: str, tmp_path: Path) -> AsyncIterator[Shell]:
    (tmp_path / "myjobs.py").write_text(block("python"), encoding="utf-8")
    command = Path(sys.executable).parent
    assert (command / "jobrunner").exists(), "the project is not installed (`pip install -e .`)"
    process = await asyncio.create_subprocess_exec(
        "bash",
        "-euo",
        "pipefail",
        "-c",
        block("sh") + THEN,
        cwd=tmp_path,
        env={
            "PATH": f"{command}:{os.environ['PATH']}",
            "HOME": str(tmp_path),
            "JOBRUNNER_DATABASE_URL": empty_database_url,
        },
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    shell = Shell(process)
    yield shell
    if process.returncode is None:
        os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
    await shell._reading


def test_it_is_ten_lines() -> None:
    assert len([line for line in block("python").splitlines() if line]) <= 10


async def test_it_works_as_written(shell: Shell, empty_database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    await shell.lines_run()
    assert re.search(r"INFO jobrunner\.job\.SendGreeting: Hello, Ada!$", shell.output, re.MULTILINE)
    assert re.search(r"^added \d+ Count every night, next at ", shell.output, re.MULTILINE)

    connection = await asyncpg.connect(empty_database_url)
    try:
        greeted = await connection.fetchrow(
            "SELECT status::text, max_attempts FROM jobrunner.jobs WHERE data @> $1", ADA
        )
        assert tuple(greeted) == ("Success", 5)
        nightly = await connection.fetchrow(
            "SELECT id, job, crontab, time_zone, next_fire_at IS NOT NULL AS armed FROM jobrunner.scheduled_job "
            "WHERE name = 'Count every night'"
        )
        assert tuple(nightly)[1:] == ("CountUp", "0 3 * * *", "Europe/Berlin", True)
        # What the schedule will do at night, now: the blocking job in a process of its own.
        counted = await connection.fetchval("SELECT jobrunner.run_scheduled_job($1)", nightly["id"])
        result = "SELECT result::text FROM jobrunner.job_history WHERE id = $1"
        assert await until(connection, result, counted) == str(sum(range(1000)))

        before = await connection.fetchval("SELECT max(id) FROM jobrunner.jobs")
        await run_python(block("python", 1).replace("postgresql://…", empty_database_url))
        await connection.execute(block("sql"))
        added = await connection.fetch(
            "SELECT status::text, data ->> 'name', max_attempts, extract(epoch FROM execute_at - created_at)::integer "
            "FROM jobrunner.jobs WHERE id > $1 AND name = 'SendGreeting' ORDER BY id",
            before,
        )
        assert [tuple(row) for row in added] == [("Pending", "Ada", 5, 60)] * 2
    finally:
        await connection.close()

    assert await shell.end() == 0
    assert re.search(r"is ready: \d+ job definitions, all queues", shell.errors)
    assert "Traceback" not in shell.errors


async def run_python(text: str) -> Any:
    """Run what stands in a document as if it stood in a coroutine."""
    code: CodeType = compile(text, str(README), "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    result = eval(code, {"__name__": "readme"})
    if inspect.iscoroutine(result):
        await result

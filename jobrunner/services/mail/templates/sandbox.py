"""The process in which blocks of templates are written, as seen from here: started when needed, ended when it exceeds.

It is no slot for jobs (`execution.slots`): those run the application's own code with all that it may reach, while a
template is whatever somebody has typed into a field. Its process inherits neither environment nor descriptors, so no
password and no connection to the database.
"""

import asyncio
import contextlib
import json
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jobrunner.errors import JobrunnerError
from jobrunner.services.mail.templates.errors import InvalidTemplate, RenderingFailed
from jobrunner.services.mail.templates.slots import Block, Kind

PROGRAM = Path(__file__).with_name("sandbox_child.py")
START_LIMIT = 30.0
"""Seconds for the start of the process, compiling included."""
PARTS: Mapping[Kind, str] = {"subject": "subject", "html": "HTML", "text": "text"}
"""What the parts of a template are called."""
SUPPORTED = sys.platform != "win32"
"""Whether the platform can limit a process as it must be."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What blocks may use."""

    memory: int = 256 * 1024 * 1024
    """Bytes of the process, Python and Jinja2 included."""
    cpu: float = 1.0
    """Seconds of computing for one mail, and for compiling one template."""
    wall: float = 5.0
    """Seconds by the clock for one mail."""
    batch: float = 30.0
    """Seconds by the clock for all mails of one batch."""
    output: int = 1024 * 1024
    """Characters that one stretch of a template may write."""


DEFAULT = Limits()


class Sandbox:
    """Writes stretches of templates; used by one task at a time. `close` ends its process."""

    def __init__(self, blocks: Sequence[Block], limits: Limits = DEFAULT) -> None:
        self._blocks = blocks
        self._limits = limits
        self._process: Process | None = None
        self.starts = 0
        """How often a process was started, ever."""

    @property
    def pid(self) -> int | None:
        """The id of the process, None where there is none."""
        return None if self._process is None else self._process.pid

    async def start(self) -> None:
        """Start the process and compile the templates, unless that is done.

        Raises:
            InvalidTemplate: a template is refused, says where.
            JobrunnerError: the process cannot be started.
        """
        if self._process is not None:
            return
        if not SUPPORTED:
            raise InvalidTemplate("blocks of templates ({{…}}, {%…%}) cannot be used on Windows")
        try:
            async with asyncio.timeout(START_LIMIT):
                self._process = process = await self._open()
                await self._define(process)
        except BaseException as error:
            await self.close()
            if isinstance(error, TimeoutError):
                raise JobrunnerError(f"the process that writes templates did not start in {START_LIMIT:g} s") from None
            raise

    async def write(self, mails: Sequence[tuple[dict[str, Any], list[list[str]]]]) -> list[list[str] | RenderingFailed]:
        """Write the stretches of each mail.

        Args:
            mails: what blocks know (see `context`), and for each block the texts of its placeholders.

        Returns:
            For each mail the text of each block, or why it failed; one that exceeds fails alone.
        """
        lines = [_encoded({"values": v, "write": list(enumerate(slots))}) for v, slots in mails]
        results: list[list[str] | RenderingFailed] = []
        try:
            async with asyncio.timeout(self._limits.batch):
                while len(results) < len(lines):
                    await self.start()
                    await self._write(lines, results)
        except TimeoutError:
            await self.close()
            late = RenderingFailed(f"the blocks of a batch of templates took more than {self._limits.batch:g} s")
            results += [late] * (len(lines) - len(results))
        except BaseException:
            await self.close()  # it would answer to what nobody waits for any more
            raise
        return results

    async def close(self) -> None:
        """End the process; harmless where there is none."""
        process, self._process = self._process, None
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        if process.stdin is not None:
            process.stdin.close()

    async def _open(self) -> Process:
        limits = self._limits
        options = {"memory": limits.memory, "output": limits.output, "cpu": limits.cpu, "wall": limits.wall}
        self.starts += 1
        path = os.pathsep.join(entry or os.getcwd() for entry in sys.path)
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-s", "-S", "-P", "-B", str(PROGRAM), json.dumps(options)),
            stdin=PIPE,
            stdout=PIPE,
            stderr=DEVNULL,
            cwd="/",
            env={"PYTHONPATH": path, "PYTHONHASHSEED": "random"},
            start_new_session=True,
            limit=8 * limits.output * max(1, len(self._blocks)) + 64 * 1024,
        )

    async def _define(self, process: Process) -> None:
        for id, block in enumerate(self._blocks):
            await _send(process, [_encoded({"define": id, "kind": block.kind, "source": block.source})])
            reply = await _receive(process)
            part = PARTS[block.kind]
            if reply is None:
                raise InvalidTemplate(f"the {part} is refused: {await self._ending(process)}")
            if "error" in reply:
                line = reply.get("line")
                where = f"line {line + block.line - 1} of the {part}" if line else f"the {part}"
                raise InvalidTemplate(f"{where} is refused: {reply['error']}")

    async def _write(self, lines: Sequence[bytes], results: list[list[str] | RenderingFailed]) -> None:
        """Write on from where the results end, until all is done or the process has ended."""
        process = self._process
        assert process is not None
        sending = asyncio.create_task(_send(process, lines[len(results) :]))
        try:
            while len(results) < len(lines):
                reply = await _receive(process)
                if reply is None:
                    results.append(RenderingFailed(f"the template could not be filled: {await self._ending(process)}"))
                elif "error" in reply:
                    results.append(RenderingFailed(f"the template could not be filled: {reply['error']}"))
                else:
                    results.append(reply["texts"])
                if reply is None or reply.get("end"):
                    await self.close()
                    return
        finally:
            sending.cancel()
            await asyncio.wait([sending])

    async def _ending(self, process: Process) -> str:
        """Return why the process has ended, in words."""
        code = await process.wait()
        if code == -signal.SIGPROF:
            return f"its blocks compute for more than {self._limits.cpu:g} s"
        if code == -signal.SIGALRM:
            return f"its blocks took more than {self._limits.wall:g} s"
        if code == -signal.SIGKILL:
            return "the process that writes its blocks was killed"
        return f"the process that writes its blocks ended with {code}, perhaps for want of memory"


async def _send(process: Process, lines: Sequence[bytes]) -> None:
    assert process.stdin is not None
    with contextlib.suppress(ConnectionError):  # that it ended is seen by who reads
        for line in lines:
            process.stdin.write(line)
            await process.stdin.drain()


async def _receive(process: Process) -> dict[str, Any] | None:
    """Return the next reply, or None when the process has ended."""
    assert process.stdout is not None
    try:
        line = await process.stdout.readline()
    except ValueError:  # longer than any text that it may write
        process.kill()
        return None
    if not line.endswith(b"\n"):
        return None
    reply: dict[str, Any] = json.loads(line)
    return reply


def _encoded(request: dict[str, Any]) -> bytes:
    return json.dumps(request, ensure_ascii=True, separators=(",", ":")).encode() + b"\n"

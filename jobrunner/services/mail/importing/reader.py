"""Takes messages apart in processes of their own, so that neither the event loop nor the daemon's memory is at stake.

A process reads a batch of small messages one after the other, or a large one from its file. One that exceeds its memory
or time ends with its message, and only with that: it is kept as a file, and the batch goes on in a new process.
A process inherits neither environment nor descriptors, so no password and no connection to the database.
"""

import asyncio
import contextlib
import json
import os
import pickle
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from jobrunner.errors import JobrunnerError, LimitExceeded
from jobrunner.services.mail.importing.html import NO_PICTURES, CleanHtml, as_text
from jobrunner.services.mail.importing.parsing import ParsedMail
from jobrunner.services.mail.importing.parsing.plain import text_of_html
from jobrunner.services.mail.importing.source_only import source_only
from jobrunner.services.mail.importing.staging import INCOMING

MODULE = "jobrunner.services.mail.importing.reader_child"
ANSWER_LIMIT = 64 * 1024 * 1024
MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class ReaderLimits:
    """What a process may use."""

    memory: int = 512 * MIB
    """Bytes of address space, Python and a mapped message included."""
    cpu: float = 20.0
    """Seconds of computing for one message."""
    wall: float = 60.0
    """Seconds by the clock for one message."""
    clean: float = 10.0
    """Seconds by the clock for the HTML of one message, waiting for a process not included."""
    start: float = 30.0
    """Seconds for the start of a process."""


class StorageFault(JobrunnerError):
    """A file could not be written: the disk is full, or the folder is missing. Nothing of the batch was imported."""


class MailReader:
    """Some processes, started when they are needed. `close` ends them; also leaving `async with`."""

    def __init__(self, root: Path, *, count: int = 2, limits: ReaderLimits = ReaderLimits()) -> None:
        """Make none yet.

        Args:
            root: the folder of files (see `staging`); made if it is not there.
            count: processes at most.
            limits: for each of them.
        """
        self.root = root
        self._limits = limits
        self._children = [_Child(root, limits) for _ in range(count)]
        self._idle: asyncio.LifoQueue[_Child] = asyncio.LifoQueue()
        for child in reversed(self._children):
            self._idle.put_nowait(child)
        (root / INCOMING).mkdir(parents=True, exist_ok=True, mode=0o700)

    @property
    def starts(self) -> int:
        """How many processes were started, ever."""
        return sum(child.starts for child in self._children)

    @property
    def pids(self) -> list[int]:
        """The ids of the processes that run."""
        return [child.process.pid for child in self._children if child.process is not None]

    async def parse(self, sources: Sequence[bytes | Path]) -> list[ParsedMail]:
        """Take messages apart; their files wait in the folder (`ParsedAttachment.staged`).

        What cannot be read is kept as a file, and says why in `trouble`.

        Raises:
            StorageFault: a file could not be written.
            JobrunnerError: no process can be started.
        """
        child = await self._idle.get()
        try:
            return await child.parse(sources)
        except BaseException:
            await child.close()  # it would answer to what nobody waits for any more
            raise
        finally:
            self._idle.put_nowait(child)

    async def clean(
        self, html: str, cid_map: Mapping[str, str] = NO_PICTURES, *, remote_images: bool = False
    ) -> CleanHtml:
        """Return what `clean_html` does; where that takes too much, the text."""
        child = await self._idle.get()
        request = {"do": "clean", "html": html, "cid_map": dict(cid_map), "remote_images": remote_images}
        try:
            async with asyncio.timeout(self._limits.clean):
                result = await child.ask(request)
            if isinstance(result, CleanHtml):
                return result
        except TimeoutError:
            await child.close()
        except BaseException:
            await child.close()
            raise
        finally:
            self._idle.put_nowait(child)
        return as_text(await asyncio.to_thread(text_of_html, html))

    async def close(self) -> None:
        """End all processes; may be called twice."""
        for child in self._children:
            await child.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()


class _Child:
    """A process, as seen from here; used by one task at a time."""

    def __init__(self, root: Path, limits: ReaderLimits) -> None:
        self._root = root
        self._limits = limits
        self.process: Process | None = None
        self.starts = 0

    async def parse(self, sources: Sequence[bytes | Path]) -> list[ParsedMail]:
        mails: list[ParsedMail] = []
        while len(mails) < len(sources):
            await self._parse_on(sources, mails)
        return mails

    async def _parse_on(self, sources: Sequence[bytes | Path], mails: list[ParsedMail]) -> None:
        """Parse from where the mails end, until all are done or one was too much for the process."""
        await self._start()
        waiting = sources[len(mails) :]
        sending = asyncio.create_task(self._send([_request("parse", source) for source in waiting]))
        try:
            for source in waiting:
                result = await self._receive()
                if not isinstance(result, ParsedMail):
                    await self.close()
                    mails.append(await self._keep(source, f"could not be read: {_reason(result)}"))
                    return
                mails.append(result)
                await asyncio.sleep(0)  # where all is there already, this would be one long step
        finally:
            sending.cancel()
            await asyncio.wait([sending])

    async def _keep(self, source: bytes | Path, reason: str) -> ParsedMail:
        """Keep a message as a file: with its header, if a process can read that, else without."""
        result = await self.ask({"do": "keep", "reason": reason}, source)
        if isinstance(result, ParsedMail):
            return result
        await self.close()
        return await asyncio.to_thread(source_only, self._root, source, reason)

    async def ask(self, request: dict[str, Any], source: bytes | Path | None = None) -> Any:
        """Return the answer to one request; (kind, sentence) where there is none."""
        await self._start()
        sending = asyncio.create_task(self._send([(request if source is None else _request_of(request, source))]))
        try:
            return await self._receive()
        finally:
            sending.cancel()
            await asyncio.wait([sending])

    async def _start(self) -> None:
        if self.process is not None and self.process.returncode is None:
            return
        await self.close()
        limits = self._limits
        options = {"root": str(self._root), "memory": limits.memory, "cpu": limits.cpu, "wall": limits.wall}
        path = os.pathsep.join(entry or os.getcwd() for entry in sys.path)
        self.starts += 1
        try:
            async with asyncio.timeout(limits.start):
                self.process = await asyncio.create_subprocess_exec(
                    *(sys.executable, "-s", "-S", "-P", "-B", "-m", MODULE, json.dumps(options)),
                    stdin=PIPE,
                    stdout=PIPE,
                    stderr=DEVNULL,
                    cwd="/",
                    env={"PYTHONPATH": path, "PYTHONHASHSEED": "random", "MALLOC_ARENA_MAX": "1"},
                    start_new_session=True,
                    limit=MIB,
                )
        except TimeoutError:
            raise LimitExceeded(f"the process that reads mails did not start in {limits.start:g} s") from None
        except OSError as error:
            raise JobrunnerError(f"the process that reads mails cannot be started: {error}") from error

    async def _send(self, requests: Sequence[dict[str, Any]]) -> None:
        assert self.process is not None
        pipe = self.process.stdin
        assert pipe is not None
        with contextlib.suppress(ConnectionError):  # that it ended is seen by who reads
            for request in requests:
                content = request.pop("content", b"")
                pipe.write(json.dumps(request).encode() + b"\n")
                if content:
                    pipe.write(content)
                await pipe.drain()

    async def _receive(self) -> Any:
        """Return the next answer, or (kind, sentence) when the process has ended or is no more to be waited for."""
        process = self.process
        assert process is not None
        assert process.stdout is not None
        try:
            # Its own timers come first; this is for a process that cannot even be ended by them.
            async with asyncio.timeout(self._limits.wall + self._limits.start):
                length = int.from_bytes(await process.stdout.readexactly(8), "big")
                if length > ANSWER_LIMIT:
                    return "fault", "what was read of it is too much"
                result = pickle.loads(await process.stdout.readexactly(length))  # noqa: S301 - our own child's
        except (asyncio.IncompleteReadError, ConnectionError):
            return "ended", self._ending(await process.wait())
        except TimeoutError:
            return "ended", f"it took more than {self._limits.wall:g} s"
        if isinstance(result, tuple) and result[0] == "storage":
            raise StorageFault(f"a file of a mail could not be written: {result[1]}")
        return result

    def _ending(self, code: int) -> str:
        if code == -signal.SIGPROF:
            return f"it takes more than {self._limits.cpu:g} s to compute"
        if code == -signal.SIGALRM:
            return f"it took more than {self._limits.wall:g} s"
        if code == -signal.SIGKILL:
            return "the process that read it was killed"
        return f"the process that read it ended with {code}, perhaps for want of memory"

    async def close(self) -> None:
        """End the process; harmless where there is none."""
        process, self.process = self.process, None
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        if process.stdin is not None:
            process.stdin.close()


def _request(do: str, source: bytes | Path) -> dict[str, Any]:
    return _request_of({"do": do}, source)


def _request_of(request: dict[str, Any], source: bytes | Path) -> dict[str, Any]:
    if isinstance(source, Path):
        return {**request, "path": str(source)}
    return {**request, "octets": len(source), "content": source}


def _reason(result: Any) -> str:
    return str(result[1]) if isinstance(result, tuple) else "the process that read it gave a senseless answer"

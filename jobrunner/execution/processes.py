"""Ends a process with all its descendants, also with those that left its group or lost their parent (Linux).

A process is known by its id and its start time, so that a reused id is never taken for it. Elsewhere than on
Linux, without /proc, only the process and its group are ended.
"""

import contextlib
import os
import signal
import time
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

MARK = "_JOBRUNNER_SLOT"
"""Environment variable that every descendant of a slot's process inherits; its value names the slot."""

PROC = Path("/proc")


@dataclass(frozen=True, slots=True)
class ProcessIdentity:
    """A process that cannot be mistaken for a later one with the same id."""

    pid: int
    started: int | None
    """Start time in clock ticks since boot; None where /proc does not say."""

    @classmethod
    def of(cls, pid: int) -> "ProcessIdentity":
        """Return the identity of the process that has this id now."""
        return cls(pid, _start_time(pid))

    @property
    def alive(self) -> bool:
        """Whether this very process runs; a zombie does not."""
        if self.started is None:
            return _exists(self.pid)
        return _start_time(self.pid) == self.started and _state(self.pid) not in ("Z", "X")


@dataclass(frozen=True, slots=True)
class Traces:
    """By what the descendants of a slot are known once they have lost their parents."""

    reaper: int
    """The process that they fall to."""
    mark: str
    """What those that are programs of their own have in their environment (see `MARK`)."""
    pipes: frozenset[int]
    """Inodes of the slot's pipes: those that were only forked hold an end of one."""

    def orphans(self) -> set[int]:
        """Return the children of the reaper that are the slot's."""
        return {pid for pid in children(self.reaper) if _is_marked(pid, self.mark) or _holds(pid, self.pipes)}


def children(pid: int) -> list[int]:
    """Return the ids of the living and dead (not yet reaped) children; empty where /proc does not say."""
    found: list[int] = []
    try:
        for thread in os.listdir(PROC / str(pid) / "task"):
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                found += map(int, (PROC / str(pid) / "task" / thread / "children").read_text().split())
    except OSError:
        return []
    if not found and not _kernel_lists_children():
        return [int(name) for name in os.listdir(PROC) if name.isdigit() and _parent(int(name)) == pid]
    return found


def end_family(root: ProcessIdentity, traces: Traces | None = None, patience: float = 0.0) -> int:
    """Kill (SIGKILL) the process, its group and its descendants; return how many were found, itself included.

    Each one found is stopped before its children are looked for, until a look finds none. One that is just forking
    stops a moment later; for such, up to `patience` seconds are waited.
    """
    generation = {root.pid} if root.alive else set[int]()
    if traces is not None:
        generation |= traces.orphans()
    family = _stopped(generation, patience)
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(root.pid, signal.SIGKILL)  # it led its group: the number is not given away while one of it lives
    for pid in family:
        send(pid, signal.SIGKILL)
    return len(family)


def end_orphans(traces: Traces, limit: float = 1.0) -> None:
    """Kill all orphans with these traces and their descendants; tried until there are none, for `limit` seconds."""
    end = time.monotonic() + limit
    while (orphans := traces.orphans()) and time.monotonic() < end:
        for pid in _stopped(orphans, 0.1):
            send(pid, signal.SIGKILL)
        time.sleep(0.002)


def _stopped(generation: set[int], patience: float) -> set[int]:
    """Stop these processes and their descendants; return all."""
    family: set[int] = set()
    end = time.monotonic() + patience
    while generation:
        for pid in generation:
            send(pid, signal.SIGSTOP)
        family |= generation
        while True:
            at_rest = all(map(_rests, family))  # asked before the look, which is the last one if they do
            generation = {child for pid in family for child in children(pid)} - family
            if generation or at_rest or time.monotonic() >= end:
                break
            time.sleep(0.0002)
    return family


def send(pid: int, number: int) -> None:
    """Send a signal to a process that may be gone."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.kill(pid, number)


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _fields(pid: int | str) -> list[str]:
    """Return the fields of /proc/PID/stat from the third on (the second, a name, may hold anything)."""
    try:
        return (PROC / str(pid) / "stat").read_text(errors="replace").rpartition(")")[2].split()
    except OSError:
        return []


def _state(pid: int | str) -> str | None:
    fields = _fields(pid)
    return fields[0] if fields else None


def _parent(pid: int) -> int | None:
    fields = _fields(pid)
    return int(fields[1]) if fields else None


def _start_time(pid: int) -> int | None:
    fields = _fields(pid)
    return int(fields[19]) if fields else None


def _is_marked(pid: int, mark: str) -> bool:
    try:
        return f"{MARK}={mark}".encode() in (PROC / str(pid) / "environ").read_bytes().split(b"\0")
    except OSError:
        return False


def _holds(pid: int, pipes: Collection[int]) -> bool:
    wanted = {f"pipe:[{inode}]" for inode in pipes}
    try:
        for name in os.listdir(PROC / str(pid) / "fd"):
            with contextlib.suppress(FileNotFoundError):
                if os.readlink(PROC / str(pid) / "fd" / name) in wanted:
                    return True
    except OSError:
        return False
    return False


def _rests(pid: int) -> bool:
    """Whether each of its threads is stopped, or gone: none is just forking."""
    try:
        threads = os.listdir(PROC / str(pid) / "task")
    except OSError:
        return True
    return all(_state(f"{pid}/task/{thread}") in ("T", "t", "Z", "X", None) for thread in threads)


def _kernel_lists_children() -> bool:
    return (PROC / "self" / "task" / str(os.getpid()) / "children").exists()

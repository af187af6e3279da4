"""CPU time of processes and their children, from /proc (Linux)."""

import os
from pathlib import Path

TICK = os.sysconf("SC_CLK_TCK") if hasattr(os, "sysconf") else 100


def spent(pid: int) -> float:
    """Return the seconds of CPU that a process and all below it have used, those included that have ended."""
    total = 0.0
    for process in tree(pid):
        try:
            # After the name, which may hold blanks: user, system, and the same of children that were waited for.
            fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it has just ended: the next reading finds it with its parent
        total += sum(map(int, fields[11:15]))
    return total / TICK


def tree(pid: int) -> list[int]:
    """Return a process and all below it."""
    found = [pid]
    for parent in found:
        try:
            tasks = os.listdir(f"/proc/{parent}/task")
        except OSError:
            continue
        for task in tasks:
            try:
                found += map(int, Path(f"/proc/{parent}/task/{task}/children").read_text().split())
            except OSError:
                continue
    return found


def parent(pid: int) -> int | None:
    """Return the parent of a process of this machine, None where it cannot be seen."""
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except (OSError, IndexError, ValueError):
        return None


def name(pid: int) -> str:
    """Return a process's short name, empty where it cannot be seen."""
    try:
        return Path(f"/proc/{pid}/comm").read_text().strip()
    except OSError:
        return ""

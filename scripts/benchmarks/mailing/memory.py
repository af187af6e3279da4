"""Memory: the most that a fresh daemon holds for a small mailing, and for a large one."""

from pathlib import Path

from scripts.benchmarks import cpu


def peak(pid: int) -> float:
    """Return the most memory that a process and those below it have held, in megabytes: the sum of each one's peak.

    Pages that several of them share count for each.
    """
    return sum(_peak_of(process) for process in cpu.tree(pid)) / 1024


def _peak_of(pid: int) -> int:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0  # it has just ended
    for line in status.splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1])
    return 0

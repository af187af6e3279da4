"""Memory of a daemon and of each process below it."""

from pathlib import Path

from scripts.benchmarks import cpu


class Peaks:
    """The most that a process and each one below it have held; `look` is to be called now and then."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._peaks: dict[int, float] = {}

    def look(self) -> None:
        """Read what the kernel remembers."""
        # The last reading counts: between fork and exec a process shows its parent's peak.
        for pid in cpu.tree(self._pid):
            if (held := memory(pid, "VmHWM")) is not None:
                self._peaks[pid] = held

    @property
    def own(self) -> float:
        """Of the process itself, in MB."""
        return self._peaks[self._pid]

    @property
    def largest_below(self) -> float:
        """Of the largest one below it, in MB; 0 where there was none."""
        return max((held for pid, held in self._peaks.items() if pid != self._pid), default=0.0)


def memory(pid: int, field: str = "VmRSS") -> float | None:
    """Return one of the fields of a process's status, in MB; None where it has just ended."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith(f"{field}:")), None)

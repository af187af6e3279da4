"""Where the daemon's CPU goes in a mailing: py-spy looks at it, and each look is one of the steps below."""

import asyncio
import shutil
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from scripts.benchmarks.report import say

RATE = 400
"""Looks a second."""
END_LIMIT = 60.0

OURS = f"{Path(__file__).parents[3] / 'jobrunner'}/"
OTHER = "event loop and the rest"
STEPS = (
    ("sign", ("services/mail/composing/dkim/",)),
    ("compose", ("services/mail/composing/", "services/mail/address.py")),
    ("render", ("services/mail/templates/", "massmail/tokens.py", "massmail/links.py")),
    ("SMTP", ("services/mail/smtp/", "aiosmtplib/")),
    ("the client of PostgreSQL", ("asyncpg/", "jobrunner/db/")),
    ("the run itself", ("services/massmail/", "services/mail/", "jobs/process_mass_email.py")),
    (
        "the engine around it",
        (
            "jobrunner/daemon.py",
            "jobrunner/daemon_process.py",
            "jobrunner/execution/",
            "jobrunner/queue/",
            "jobrunner/scheduling/",
            "jobrunner/web/",
        ),
    ),
)
"""A look belongs to the first step that the innermost of its frames is of."""
WAITING = (("select", "selectors.py"), ("wait", "threading.py"), ("_worker", "concurrent/futures/thread.py"))
"""Innermost functions of threads that do nothing, which py-spy now and then takes for busy."""


@dataclass
class Profile:
    """What the looks saw."""

    steps: Counter[str] = field(default_factory=Counter)
    lines: Counter[str] = field(default_factory=Counter)
    """Looks by the innermost line of ours, with what it was doing."""

    def share(self, step: str) -> float:
        """Return the share of a step."""
        return self.steps[step] / max(self.steps.total(), 1)


class Spy:
    """py-spy on a process; made, it looks."""

    def __init__(self, pid: int) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="jobrunner-bench-spy-")
        self._out = Path(self._folder.name) / "stacks"
        program = shutil.which("py-spy", path=str(Path(sys.executable).parent))
        self._process: subprocess.Popen[str] | None = None
        if program is not None:
            # Threads that wait are left out; for up to a day, and until it is told to end.
            command = [program, "record", "--format", "raw", "--rate", str(RATE), "--subprocesses", "--full-filenames"]
            command += ["--duration", "86400", "--output", str(self._out), "--pid", str(pid)]
            self._process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
            )

    async def ready(self) -> bool:
        """Wait until it looks; return whether it does."""
        if self._process is None:
            say("py-spy is not installed: no steps are told")
            return False
        assert self._process.stdout is not None
        # It says that it samples once it has found everything.
        line = await asyncio.to_thread(self._process.stdout.readline)
        if "Sampling" in line:
            return True
        say(f"py-spy may not look at the daemon ({line.strip()}): no steps are told. As root it may.")
        return False

    async def end(self) -> Profile:
        """Return what it saw."""
        assert self._process is not None
        self._process.send_signal(signal.SIGINT)
        await asyncio.to_thread(self._process.communicate, timeout=END_LIMIT)
        return read_stacks(self._out.read_text().splitlines())

    def stop(self) -> None:
        """End it, if it runs, and remove what it wrote."""
        if self._process is not None:
            if self._process.poll() is None:
                self._process.kill()
                self._process.wait()
            if self._process.stdout is not None:
                self._process.stdout.close()
        self._folder.cleanup()


def read_stacks(lines: Sequence[str]) -> Profile:
    """Return the profile of py-spy's lines: frames, outermost first, between semicolons, and the number of looks."""
    profile = Profile()
    for line in lines:
        stack, _, looks = line.rpartition(" ")
        frames = stack.split(";")
        if any(name in frames[-1] and file in frames[-1] for name, file in WAITING):
            continue
        profile.steps[_step(frames)] += int(looks)
        ours = next((frame for frame in reversed(frames) if OURS in frame), frames[-1])
        innermost = frames[-1].partition(" (")[0]
        where = _short(ours)
        profile.lines[where if ours is frames[-1] else f"{where}: in {innermost}"] += int(looks)
    return profile


def _step(frames: Sequence[str]) -> str:
    for frame in reversed(frames):
        for step, paths in STEPS:
            if any(path in frame for path in paths):
                return step
    return OTHER


def _short(frame: str) -> str:
    name, _, place = frame.partition(" (")
    return f"{place.rstrip(')').removeprefix(OURS)} {name}"

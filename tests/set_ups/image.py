"""The Dockerfile's steps without a Docker: run one after another in folders that hold a bare Debian, by chroot.

What a builder does beyond that (layers, caches) is not shown; whoever is not root cannot run it.
"""

import json
import os
import re
import shlex
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[2]
BUNDLE = Path("/etc/ssl/certs/ca-certificates.crt")
LIMIT = 1200.0


@dataclass(frozen=True)
class Step:
    """One instruction."""

    name: str
    rest: str

    @property
    def words(self) -> list[str]:
        """Its arguments, in either of the two forms."""
        return json.loads(self.rest) if self.rest.startswith("[") else shlex.split(self.rest)


def steps(text: str) -> list[Step]:
    """Read a Dockerfile; comments may stand between lines that go on."""
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n", " ", "\n".join(lines))
    return [Step(*(line.split(None, 1))) for line in joined.splitlines() if line.strip()]


@dataclass
class Stage:
    """A folder that becomes what a stage describes."""

    folder: Path
    environment: dict[str, str] = field(
        default_factory=lambda: {"PATH": "/usr/local/bin:/usr/bin:/usr/sbin:/bin:/sbin"}
    )
    work: str = "/"
    user: str = "0:0"
    entrypoint: list[str] = field(default_factory=list)
    command: list[str] = field(default_factory=list)
    health: list[str] = field(default_factory=list)

    def inside(self, *words: str, user: str | None = None, **more: str) -> list[str]:
        """Return the command line that runs `words` in it as process 1 of a process tree of its own."""
        mounts = 'mount -t proc proc "$0/proc" && mount -t tmpfs tmpfs "$0/dev/shm" && exec "$@"'
        variables = [f"{name}={value}" for name, value in {**self.environment, **more}.items()]
        chroot = ["chroot", f"--userspec={user or self.user}", str(self.folder)]
        there = ["/bin/sh", "-c", 'cd "$0" && exec "$@"', self.work]
        unshare = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", mounts, str(self.folder)]
        return [*unshare, *chroot, "/usr/bin/env", "-i", *variables, *there, *words]

    def run(self, *words: str, user: str | None = None, **more: str) -> str:
        """Run it to its end, which must be good, and return what it said."""
        done = subprocess.run(
            self.inside(*words, user=user, **more),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=LIMIT,
        )
        assert done.returncode == 0, f"{words} ended with {done.returncode}:\n{done.stdout[-3000:]}"
        return done.stdout


def build(base: Path, into: Path, text: str) -> Stage:
    """Run all steps and return the last stage; `base` is a bare Debian, of which each stage gets a copy."""
    stages: dict[str, Stage] = {}
    stage = Stage(into)
    for step in steps(text):
        match step.name, step.words if step.name in ("FROM", "COPY", "ENTRYPOINT", "CMD") else [step.rest]:
            case "FROM", [_, *named]:
                stage = Stage(into / str(len(stages)))
                stages[named[1] if named else ""] = stage
                subprocess.run(["cp", "-a", str(base), str(stage.folder)], check=True, timeout=LIMIT)
                for name in ("/etc/resolv.conf", "/etc/hosts"):
                    shutil.copy(name, stage.folder / name[1:])
            case "RUN", [line]:
                stage.run("/bin/sh", "-ec", line, **_installers(stage))
            case "COPY", [*sources, target]:
                _copy(stages, stage, sources, target)
            case "ENV", [line]:
                name, _, value = line.partition("=")
                stage.environment[name] = value
            case "WORKDIR", [folder]:
                stage.work = folder
                (stage.folder / folder[1:]).mkdir(parents=True, exist_ok=True)
            case "USER", [user]:
                stage.user = user
            case "ENTRYPOINT", words:
                stage.entrypoint = words
            case "CMD", words:
                stage.command = words
            case "HEALTHCHECK", [line]:
                stage.health = json.loads(line.partition("CMD ")[2])
            case "EXPOSE", _:
                pass
            case other:
                raise AssertionError(f"this builder does not know {other}")
    return stage


def _copy(stages: dict[str, Stage], stage: Stage, sources: list[str], target: str) -> None:
    source_folder = ROOT
    if sources[0].startswith("--from="):
        source_folder = stages[sources.pop(0).partition("=")[2]].folder
    place = stage.folder / os.path.join(stage.work, target).lstrip("/")
    for source in sources:
        origin = source_folder / source.lstrip("/")
        goal = place / origin.name if target.endswith("/") else place
        goal.parent.mkdir(parents=True, exist_ok=True)
        if origin.is_dir():
            shutil.copytree(
                origin, goal, symlinks=True, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__")
            ) if source_folder == ROOT else subprocess.run(["cp", "-aT", str(origin), str(goal)], check=True)
        else:
            shutil.copy(origin, goal)


def _installers(stage: Stage) -> dict[str, str]:
    """What this machine's own certificates and installers need, for as long as a step runs."""
    found = {name: value for name, value in os.environ.items() if re.fullmatch(r"(?i)(https?|no)_proxy", name)}
    if BUNDLE.exists():
        shutil.copy(BUNDLE, stage.folder / "tmp" / "bundle.crt")
        found["PIP_CERT"] = "/tmp/bundle.crt"
    return {**found, "DEBIAN_FRONTEND": "noninteractive"}

"""The Dockerfile's steps in a bare Debian, and what they made at work: the daemon as its user, and cron.

Minutes long: JOBRUNNER_LONG=1, as root, with debootstrap. JOBRUNNER_TEST_DEBIAN names a folder with a bare
Debian that is there already.
"""

import asyncio
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.set_ups.image import ROOT, Stage, build, steps
from tests.set_ups.test_document import CRONTABS
from tests.support.daemons import until
from tests.support.ports import free_port
from tests.support.proxy import Proxy

LONG = bool(os.environ.get("JOBRUNNER_LONG"))
pytestmark = [
    pytest.mark.skipif(not LONG, reason="takes minutes (JOBRUNNER_LONG=1)"),
    pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("debootstrap"), reason="needs root and debootstrap"),
    pytest.mark.timeout(3600),
]
TEXT = (ROOT / "Dockerfile").read_text(encoding="utf-8")
MOST_ADDED = 300
"""Megabytes that the image may add to its base."""
CRON_PASSES = 20

JOBS = """
import os
import subprocess
from jobrunner import job


@job("LeavesOneBehind")
def leaves_one_behind() -> int:
    subprocess.Popen(["sh", "-c", "sleep 0.1 & exec sleep 0.2"], start_new_session=True)
    return os.getuid()
"""


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """Where the image's user can go, unlike pytest's own folders."""
    path = Path(tempfile.mkdtemp(prefix="jobrunner-image-"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


@pytest.fixture(scope="module")
def debian(folder: Path) -> Path:
    if given := os.environ.get("JOBRUNNER_TEST_DEBIAN"):
        return Path(given)
    release = steps(TEXT)[0].words[0].removeprefix("debian:").removesuffix("-slim")
    base = folder / "debian"
    subprocess.run(["debootstrap", "--variant=minbase", release, base], check=True, stdout=subprocess.DEVNULL)
    return base


@pytest.fixture(scope="module")
def image(debian: Path, folder: Path) -> Stage:
    return build(debian, folder, TEXT)


def megabytes(folder: Path) -> int:
    """Without what Debian's images never keep."""
    sizes = ["du", "-sxm", "--exclude=var/cache/apt", "--exclude=var/lib/apt", "."]
    done = subprocess.run(sizes, cwd=folder, capture_output=True, text=True, check=True)
    return int(done.stdout.split()[0])


class Container:
    """The image at work, with a log."""

    def __init__(self, image: Stage, *words: str, user: str | None = None, **variables: str) -> None:
        self._log = tempfile.TemporaryFile("w+")  # noqa: SIM115
        self.process = subprocess.Popen(
            image.inside(*words, user=user, **variables), stdout=self._log, stderr=subprocess.STDOUT
        )

    @property
    def log(self) -> str:
        self._log.seek(0)
        return self._log.read()

    @property
    def first(self) -> psutil.Process:
        """Its process 1."""
        (child,) = psutil.Process(self.process.pid).children()
        return child

    async def says(self, text: str, limit: float = 90.0) -> None:
        async with asyncio.timeout(limit):
            while text not in self.log:
                assert self.process.poll() is None, self.log
                await asyncio.sleep(0.05)

    async def stop(self) -> int:
        """As `docker stop`: SIGTERM to process 1."""
        self.first.send_signal(signal.SIGTERM)
        return await asyncio.to_thread(self.process.wait, 60)


@asynccontextmanager
async def container(image: Stage, *words: str, **variables: str) -> AsyncIterator[Container]:
    one = Container(image, *words, **variables)
    try:
        yield one
    finally:
        one.process.kill()  # unshare takes the whole tree along
        one.process.wait()
        one._log.close()


def test_it_is_small_and_belongs_to_root(image: Stage, debian: Path):
    added = megabytes(image.folder) - megabytes(debian)
    print(f"\nthe image adds {added} MB to its base")
    assert added < MOST_ADDED
    said = image.run(
        "sh", "-c", "id -u; touch /opt/jobrunner/x /usr/x /etc/x 2>&1 | grep -c denied; ls -A /src 2>&1 || true"
    )
    assert said.startswith("10001\n3\n")
    assert "No such file" in said, "the build's folder is in the image"
    assert image.run(*image.entrypoint, "version").startswith("jobrunner ")


async def test_three_at_once_on_an_empty_database(image: Stage, empty_database_url: str):
    """One migrates; each is healthy by its own check, and ends well by SIGTERM to its process 1."""
    async with Proxy(empty_database_url) as proxy:
        ports = [str(free_port()) for _ in range(3)]
        made = [
            container(
                image,
                *image.entrypoint,
                *image.command,
                JOBRUNNER_DATABASE_URL=proxy.url,
                JOBRUNNER_HTTP__PORT=port,
                JOBRUNNER_DAEMON_NAME=port,
            )
            for port in ports
        ]
        async with made[0] as first, made[1] as second, made[2] as third:
            all_three = [first, second, third]
            for one in all_three:
                await one.says(" is ready: ")
                assert one.first.name() == "tini"
            assert sum("the database was migrated to" in one.log for one in all_three) == 1
            for one, port in zip(all_three, ports, strict=True):
                check = image.inside(*image.health, JOBRUNNER_HTTP__PORT=port)
                assert await asyncio.to_thread(subprocess.call, check, stdout=subprocess.DEVNULL) == 0
                began = time.monotonic()
                assert await one.stop() in (0, 143)
                assert time.monotonic() - began < 20
                assert "SIGTERM: stopping" in one.log
                assert await asyncio.to_thread(subprocess.call, check, stdout=subprocess.DEVNULL) == 1


@pytest.mark.parametrize("tini", [True, False])
async def test_jobs_are_its_users_and_leave_no_zombie(image: Stage, tini: bool, database_url: str, connection: Any):
    """Also where the daemon itself is process 1, as under a runtime with an init of its own switched off."""
    (image.folder / "var/lib/jobrunner/leaving.py").write_text(JOBS)
    words = image.entrypoint if tini else image.entrypoint[2:]
    async with (
        Proxy(database_url) as proxy,
        container(
            image,
            *words,
            *image.command,
            JOBRUNNER_DATABASE_URL=proxy.url,
            JOBRUNNER_IMPORT="leaving",
            JOBRUNNER_HTTP__ENABLED="false",
        ) as one,
    ):
        await one.says(" is ready: ")
        for _ in range(3):
            job = await connection.fetchval("SELECT jobrunner.enqueue('LeavesOneBehind')")
            await until(connection, "SELECT 1 FROM jobrunner.jobs WHERE id = $1 AND status = 'Success'", job)
        result = await connection.fetchval("SELECT result::text FROM jobrunner.job_history WHERE id = $1", job)
        assert result == "10001"
        async with asyncio.timeout(20):
            while left := [each for each in one.first.children(recursive=True) if strayed(each)]:
                await asyncio.sleep(0.1)
        assert not left
        assert await one.stop() in (0, 143)
        assert "SIGTERM: stopping" in one.log


def strayed(process: psutil.Process) -> bool:
    try:
        return process.status() == psutil.STATUS_ZOMBIE or process.name() == "sleep"
    except psutil.NoSuchProcess:
        return False


async def test_a_real_cron_every_15_seconds(image: Stage, database_url: str, connection: Any):
    """For five minutes, by the page's lines: a job waits for one pass, each minute's schedule fires once."""
    image.run("sh", "-ec", "apt-get update -q; apt-get install -yq --no-install-recommends cron", user="0:0")
    crontab = image.folder / "var/spool/cron/crontabs/jobrunner"
    crontab.write_text(CRONTABS[1].replace(">/dev/null", ">>/var/lib/jobrunner/cron.log 2>&1"))
    crontab.chmod(0o600)
    await connection.execute(
        "INSERT INTO jobrunner.scheduled_job (name, job, crontab) VALUES ('Each minute', 'Cleanup', '* * * * *')"
    )
    async with Proxy(database_url) as proxy:
        (image.folder / "etc/jobrunner.toml").write_text(f'database_url = "{proxy.url}"\n')
        async with container(image, "/usr/sbin/cron", "-f", user="0:0") as one:
            waits = []
            for _ in range(CRON_PASSES):
                began = time.monotonic()
                job = await connection.fetchval("SELECT jobrunner.enqueue('Cleanup')")
                status = "SELECT 1 FROM jobrunner.jobs WHERE id = $1 AND status = 'Success'"
                await until(connection, status, job, limit=90)
                waits.append(round(time.monotonic() - began, 1))
            assert one.process.poll() is None
    log = (image.folder / "var/lib/jobrunner/cron.log").read_text()
    print(f"\nwaits: {waits}\n{log}")
    assert max(waits[1:]) < 40
    assert "Error" not in log
    fired = await connection.fetch(
        "SELECT firing, count(*) FROM jobrunner.job_history WHERE scheduled_job_id IS NOT NULL AND name = 'Cleanup'"
        " GROUP BY scheduled_job_id, firing"
    )
    assert fired
    assert all(row["count"] == 1 for row in fired)

"""What systemd hears of a daemon, at a real socket."""

import asyncio
import os
import signal
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from jobrunner.service_manager import ServiceManager
from tests.support.daemons import DaemonProcess, ended, until


class Systemd:
    """Its end of the socket."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind("\0" + address[1:] if address.startswith("@") else address)
        self.socket.settimeout(30)

    def hear(self) -> list[str]:
        """The lines of the next message."""
        return self.socket.recv(4096).decode().splitlines()

    def hear_nothing(self, seconds: float) -> bool:
        self.socket.settimeout(seconds)
        try:
            self.socket.recv(4096)
        except TimeoutError:
            return True
        finally:
            self.socket.settimeout(30)
        return False

    def drain(self) -> None:
        """Forget what has arrived."""
        self.socket.setblocking(False)
        try:
            while self.socket.recv(4096):
                pass
        except BlockingIOError:
            self.socket.settimeout(30)


@contextmanager
def listening(address: str) -> Iterator[Systemd]:
    systemd = Systemd(address)
    try:
        yield systemd
    finally:
        systemd.socket.close()


@pytest.fixture
def systemd(tmp_path: Path) -> Iterator[Systemd]:
    with listening(str(tmp_path / "notify")) as systemd:
        yield systemd


@pytest.mark.parametrize("abstract", [False, True])
def test_what_is_said(abstract: bool, tmp_path: Path):
    with listening(f"@jobrunner-{os.getpid()}" if abstract else str(tmp_path / "notify")) as systemd:
        manager = ServiceManager(systemd.address)
        manager.ready("Ready: 3 job definitions")
        assert systemd.hear() == ["READY=1", "STATUS=Ready: 3 job definitions"]
        manager.stopping(90)
        assert systemd.hear()[:2] == ["STOPPING=1", "EXTEND_TIMEOUT_USEC=90000000"]


def test_it_is_taken_out_of_the_environment():
    """What a job starts must not speak for the daemon."""
    environment = {"NOTIFY_SOCKET": "/run/x", "WATCHDOG_USEC": "120000000", "WATCHDOG_PID": str(os.getpid()), "A": "b"}
    assert ServiceManager.from_environment(environment).watchdog == 120
    assert environment == {"A": "b"}


@pytest.mark.parametrize(
    "variables",
    [
        {},
        {"WATCHDOG_USEC": "1000"},
        {"NOTIFY_SOCKET": "/run/x", "WATCHDOG_USEC": "soon"},
        {"NOTIFY_SOCKET": "/run/x", "WATCHDOG_USEC": "0"},
        {"NOTIFY_SOCKET": "/run/x", "WATCHDOG_USEC": "1000", "WATCHDOG_PID": "1"},
        {"NOTIFY_SOCKET": "vsock:2:1", "WATCHDOG_USEC": "1000"},
    ],
)
async def test_without_a_watchdog_nothing_is_watched(variables: dict[str, str]):
    manager = ServiceManager.from_environment(variables)
    async with asyncio.timeout(5):
        await manager.watch(lambda call: pytest.fail("asked for a sign of life"))
    manager.ready("to nobody")


def test_a_manager_that_is_gone_is_no_trouble(tmp_path: Path):
    ServiceManager(str(tmp_path / "nobody")).ready("to nobody")


async def test_signs_of_life_go_by_the_other_thread(systemd: Systemd):
    """One that does not call any more is told by silence."""
    manager = ServiceManager(systemd.address, watchdog=0.15)
    alive = True
    watching = asyncio.create_task(manager.watch(lambda call: call() if alive else None))
    try:
        assert await asyncio.to_thread(systemd.hear) == ["WATCHDOG=1"]
        assert await asyncio.to_thread(systemd.hear) == ["WATCHDOG=1"]
        alive = False
        systemd.drain()
        assert await asyncio.to_thread(systemd.hear_nothing, 0.3)
    finally:
        watching.cancel()
        await asyncio.wait([watching])


async def test_a_daemon_as_a_service(
    systemd: Systemd, database_url: str, connection: Any, monkeypatch: pytest.MonkeyPatch
):
    """Ready once it works; signs of life but while a job blocks its loop; stopping."""
    monkeypatch.setenv("NOTIFY_SOCKET", systemd.address)
    monkeypatch.setenv("WATCHDOG_USEC", "300000")
    await connection.execute("CREATE TABLE public.run (job_id bigint, attempt integer, pid integer)")
    daemon = DaemonProcess(database_url, imports="tests.faults.jobs")
    try:
        first = await asyncio.to_thread(systemd.hear)
        assert first[0] == "READY=1"
        assert first[1].startswith("STATUS=Ready: ")
        assert await asyncio.to_thread(systemd.hear) == ["WATCHDOG=1"]
        stuck = await connection.fetchval("SELECT jobrunner.enqueue('Stuck', '{\"seconds\": 3}')")
        await until(connection, "SELECT count(*) FROM public.run WHERE job_id = $1", stuck)
        await asyncio.to_thread(daemon.wait_for, "has been blocking the event loop")
        systemd.drain()
        assert await asyncio.to_thread(systemd.hear_nothing, 0.5), "a blocked loop gave a sign of life"
        await ended(connection, stuck)
        assert await asyncio.to_thread(systemd.hear) == ["WATCHDOG=1"], "it lives again"
        daemon.send(signal.SIGTERM)
        while "STOPPING=1" not in (lines := await asyncio.to_thread(systemd.hear)):
            assert lines == ["WATCHDOG=1"]
        assert lines[1] == "EXTEND_TIMEOUT_USEC=65000000"  # the grace of 5 s, and a minute
        assert await asyncio.to_thread(daemon.wait) == 0
    finally:
        daemon.kill()

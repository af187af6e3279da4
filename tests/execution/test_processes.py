import os
import signal
import subprocess
import sys
import time

import pytest

from jobrunner.execution import processes
from jobrunner.execution.processes import MARK, ProcessIdentity, children, end_family


@pytest.fixture
def sleeper():
    with subprocess.Popen(["sleep", "1000"], start_new_session=True) as process:
        yield process
        process.kill()


def test_a_process_is_known_by_its_start_too(sleeper):
    known = ProcessIdentity.of(sleeper.pid)
    assert known.alive
    assert not ProcessIdentity(sleeper.pid, known.started - 1).alive  # an earlier one with the same id
    sleeper.kill()
    while known.alive:
        pass
    assert not known.alive  # a zombie is not alive
    sleeper.wait()
    assert not known.alive


def test_one_that_took_over_an_id_is_left_alone(sleeper):
    known = ProcessIdentity.of(sleeper.pid)
    with subprocess.Popen(["sleep", "1000"]) as other:
        former = ProcessIdentity(other.pid, known.started - 1)
        assert end_family(former) == 0
        assert other.poll() is None
        other.kill()


@pytest.mark.parametrize("listed", [True, False])
def test_children_are_found_also_where_the_kernel_does_not_list_them(sleeper, monkeypatch, tmp_path, listed):
    if not listed:
        real = processes.PROC
        # A /proc without the files of children, as kernels are that were built so.
        for entry in os.listdir(real):
            if entry.isdigit():
                (tmp_path / entry).mkdir()
                (tmp_path / entry / "task").mkdir()
                (tmp_path / entry / "stat").symlink_to(real / entry / "stat")
        (tmp_path / "self").symlink_to(str(os.getpid()))
        monkeypatch.setattr(processes, "PROC", tmp_path)
    assert sleeper.pid in children(os.getpid())
    assert os.getpid() not in children(os.getpid())


def marked(mark: str) -> list[int]:
    pids = map(int, filter(str.isdigit, os.listdir("/proc")))
    return [pid for pid in pids if processes._is_marked(pid, mark) and ProcessIdentity.of(pid).alive]


def test_a_family_that_grows_while_it_is_ended_is_ended_whole():
    """F40: each is stopped before its children are looked for."""
    source = """
import os, time
print("begun", flush=True)
for _ in range(6):  # and so do its children: up to 64 processes, each in a session of its own
    if os.fork() == 0:
        os.setsid()
    time.sleep(0.001)
time.sleep(1000)
"""
    mark = f"test-{os.getpid()}-{time.monotonic_ns()}"
    process = subprocess.Popen(
        [sys.executable, "-c", source],
        stdout=subprocess.PIPE,
        start_new_session=True,
        env={**os.environ, MARK: mark},
    )
    assert process.stdout is not None
    process.stdout.readline()
    time.sleep(0.003)  # somewhere amid the forks
    assert end_family(ProcessIdentity.of(process.pid), patience=1) >= 1
    assert process.wait() == -signal.SIGKILL
    process.stdout.close()
    limit = time.monotonic() + 2  # a kill takes its time to arrive, on a busy machine
    while (left := marked(mark)) and time.monotonic() < limit:
        time.sleep(0.005)
    for pid in left:
        os.kill(pid, signal.SIGKILL)
    assert left == []

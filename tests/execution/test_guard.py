import importlib
import os
import signal

from jobrunner.execution import guard
from jobrunner.execution.forkserver import ForkServer


def test_a_module_that_hangs_is_named_and_left_out(tmp_path, monkeypatch, capsys):
    """H24"""
    (tmp_path / "guard_module_hangs.py").write_text("import time; time.sleep(1000)")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(guard, "PRELOAD_LIMIT", 0.1)
    before = signal.getsignal(signal.SIGALRM)
    guard._import_ahead("guard_module_hangs")
    assert (
        "guard_module_hangs is not imported ahead (TimeoutError: it took longer than 0.1 s)" in capsys.readouterr().err
    )
    assert signal.getsignal(signal.SIGALRM) is before
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def test_elsewhere_than_in_a_fork_server_nothing_happens(monkeypatch):
    monkeypatch.delenv(guard.OPTIONS, raising=False)
    handlers = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    importlib.reload(guard)
    assert not guard.active
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == handlers


def test_a_process_whose_daemon_is_gone_before_it_began_says_so_in_a_line(monkeypatch, capfd):
    monkeypatch.setenv("JOBRUNNER_DEBUG", "0")
    server = ForkServer()
    try:
        ended, order = server.connect_to_new_process([])
        os.close(order)  # as the kernel does where the daemon was killed
        with open(ended, "rb") as pipe:
            pipe.read()  # until the process has ended
    finally:
        server.stop()
    said = capfd.readouterr().err
    assert said.startswith("jobrunner: a process for blocking jobs did not start: unexpected EOFError: ")
    assert said.count("\n") == 1

import importlib
import signal

from jobrunner.execution import guard


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

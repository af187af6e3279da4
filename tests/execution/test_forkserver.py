"""The exit code of a slot's process, which several threads ask for."""

import os
import threading
from multiprocessing import forkserver

import pytest

from jobrunner.execution.forkserver import ForkServer, SlotContext, SlotPopen


def nothing() -> None:
    pass


@pytest.mark.parametrize("flag", [os.WNOHANG, 0])
def test_who_asks_while_another_thread_reads_gets_what_it_finds(monkeypatch: pytest.MonkeyPatch, flag: int):
    """F08: the pipe is empty then, which is not the end of the fork server."""
    server = ForkServer()
    consumed, go_on = threading.Event(), threading.Event()
    read = forkserver.read_signed

    def slowly(fd: int) -> int:
        code = read(fd)
        if threading.current_thread().name == "reader":
            consumed.set()
            assert go_on.wait(10)
        return code

    try:
        process = SlotContext(server).Process(target=nothing)
        process.start()
        popen: SlotPopen = process.__dict__["_popen"]
        monkeypatch.setattr(forkserver, "read_signed", slowly)
        found: dict[str, int | None] = {}

        def ask(name: str, how: int) -> threading.Thread:
            thread = threading.Thread(target=lambda: found.update({name: popen.poll(how)}), name=name)
            thread.start()
            return thread

        reader = ask("reader", 0)
        assert consumed.wait(20)
        other = ask("other", flag)
        other.join(0.2)  # one that does not wait answers at once
        go_on.set()
        for thread in (reader, other):
            thread.join(10)
        assert found == {"reader": 0, "other": 0}
        assert not popen.fork_server_lost
        process.close()
    finally:
        server.stop()

"""The server as a part of the daemon."""

import re
import signal
import socket
import time

import httpx

from tests.support.daemons import DaemonProcess


async def test_a_daemon_serves_and_stops_as_quickly_as_ever(database_url: str):
    daemon = DaemonProcess(database_url, imports="json", http__enabled=True, http__port=0)
    try:
        await daemon.ready()
        found = re.search(r"HTTP: (http://127\.0\.0\.1:\d+)", daemon.log)
        assert found is not None
        async with httpx.AsyncClient() as client:
            assert (await client.get(f"{found[1]}/healthz")).status_code == 200
            ready = await client.get(f"{found[1]}/readyz")
            assert ready.json() == {"status": "ready", "troubles": []}
            forged = await client.post(f"{found[1]}/unsubscribe/{'a' * 55}", data={"List-Unsubscribe": "One-Click"})
            assert forged.status_code == 404
            began = time.monotonic()
            daemon.send(signal.SIGTERM)
            assert daemon.wait() == 0
            assert time.monotonic() - began < 10
    finally:
        daemon.kill()


async def test_a_port_that_was_set_and_is_in_use_ends_the_start_with_one_sentence(database_url: str):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        daemon = DaemonProcess(database_url, imports="json", http__enabled=True, http__port=other.getsockname()[1])
        try:
            assert daemon.wait() != 0
        finally:
            daemon.kill()
    assert daemon.log.count("is in use: set JOBRUNNER_HTTP__PORT to another one") == 1
    assert "Traceback" not in daemon.log

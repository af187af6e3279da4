"""What all connections trust is made once, away from the event loop."""

import asyncio
import ssl
import threading

import pytest

from jobrunner.services.mail import certificates


async def test_however_many_ask_at_once_it_is_made_once_and_in_a_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    makers: list[threading.Thread] = []
    everybody = asyncio.Event()
    loop = asyncio.get_running_loop()

    async def wait() -> None:
        await everybody.wait()

    def make() -> ssl.SSLContext:
        makers.append(threading.current_thread())
        asyncio.run_coroutine_threadsafe(wait(), loop).result(10)
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)

    certificates._make.cache_clear()
    monkeypatch.setattr(ssl, "create_default_context", make)
    try:
        asking = [asyncio.ensure_future(certificates.machine_certificates()) for _ in range(3)]
        async with asyncio.timeout(10):
            while not makers:
                await asyncio.sleep(0.001)
            everybody.set()
            first, *others = await asyncio.gather(*asking)
            assert others == [first, first]
            assert await certificates.machine_certificates() is first
    finally:
        certificates._make.cache_clear()
    (maker,) = makers
    assert maker is not threading.main_thread()

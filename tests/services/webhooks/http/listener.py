"""A real listening socket that records every connection, and a guard that lets everything through."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from ipaddress import IPv4Address, IPv6Address

from jobrunner.services.address_guard import Guard

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
OK_AND_CLOSED = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"


class Unguarded(Guard):
    """What would happen without a guard."""

    def check_name(self, host: str, port: int) -> None:
        pass

    def check_address(self, host: str, ip: IPv4Address | IPv6Address, port: int) -> None:
        pass


class Listener:
    """Listens on all addresses of both families; answers whatever comes with 200."""

    def __init__(self) -> None:
        self.port = 0
        self.peers: list[str] = []
        self.answer = OK
        self._probed = asyncio.Event()
        self._probe: tuple[str, int] | None = None

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        peer = writer.get_extra_info("peername")
        if self._probe is not None and peer[1] == self._probe[1]:
            self._probed.set()
            writer.close()
            return
        self.peers.append(peer[0])
        with contextlib.suppress(ConnectionError):
            while await reader.read(65_536):
                writer.write(self.answer)
        writer.close()

    async def connections(self) -> int:
        """How many there were. One of our own goes behind them, so that none is still on its way."""
        for family, address in ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1")):
            self._probed.clear()
            with socket.socket(family) as probe:
                probe.bind((address, 0))
                self._probe = probe.getsockname()
                probe.setblocking(False)
                async with asyncio.timeout(10):
                    await asyncio.get_running_loop().sock_connect(probe, (address, self.port))
                    await self._probed.wait()
        return len(self.peers)


@contextlib.asynccontextmanager
async def listening() -> AsyncIterator[Listener]:
    listener = Listener()
    while True:
        four = await asyncio.start_server(listener.accept, "0.0.0.0", 0)
        listener.port = four.sockets[0].getsockname()[1]
        try:
            six = await asyncio.start_server(listener.accept, "::1", listener.port)
            break
        except OSError:  # somebody else has it there
            four.close()
    try:
        yield listener
    finally:
        for server in (four, six):
            server.close()

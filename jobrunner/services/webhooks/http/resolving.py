"""The addresses of a name, looked up by the machine and sifted by the guard."""

import asyncio
import contextlib
import socket
import threading
from collections.abc import Callable, Sequence
from ipaddress import ip_address

from aiohttp.abc import AbstractResolver, ResolveResult

from jobrunner.services.address_guard import AddressRefused, Guard

LookUp = Callable[[str], Sequence[str]]
"""Returns the addresses of a name as text; raises an OSError where there are none. Called in a thread of its own."""

LOOK_UPS = 64
"""Names that are looked up at the same time."""
ADDRESSES = 8
"""Of one name, those that are tried."""


class NameNotFound(OSError):
    """A name leads nowhere, or nobody could tell in time. `str(error)` is a sentence without its end."""

    def __init__(self, words: str) -> None:
        super().__init__(socket.EAI_NONAME, words)
        self.words = words

    def __str__(self) -> str:
        return self.words


def machine_look_up(name: str) -> list[str]:
    """Ask the machine's resolver."""
    found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


class GuardedResolver(AbstractResolver):
    """Resolves for aiohttp.

    A look-up cannot be called off: it runs in a thread of its own, which nobody waits for at the end, and all who ask
    for a name while it is being looked up share one. So a name server that hangs holds up its own names only. Nothing
    is kept: the next connection asks anew.
    """

    def __init__(self, guard: Guard, limit: float, look_up: LookUp = machine_look_up) -> None:
        self._guard = guard
        self._limit = limit
        self._look_up = look_up
        self._under_way: dict[str, asyncio.Future[Sequence[str] | OSError]] = {}
        self._places = asyncio.Semaphore(LOOK_UPS)

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """Return the addresses of a host that may be connected to at this port.

        Raises:
            AddressRefused: there are none but denied ones; names the rule.
            NameNotFound: there are none.
        """
        refused: AddressRefused | None = None
        permitted: list[ResolveResult] = []
        for text in (await self._find(host))[:ADDRESSES]:
            try:
                ip = ip_address(text)
            except ValueError:
                continue
            try:
                self._guard.check_address(host, ip, port)
            except AddressRefused as error:
                refused = refused or error
                continue
            permitted.append(
                ResolveResult(
                    hostname=host,
                    host=text,
                    port=port,
                    family=socket.AF_INET if ip.version == 4 else socket.AF_INET6,
                    proto=socket.IPPROTO_TCP,
                    flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
                )
            )
        if not permitted:
            raise refused or NameNotFound(f"the name {host} has no address")
        return permitted

    async def close(self) -> None:
        """Nothing is kept open."""

    async def _find(self, host: str) -> Sequence[str]:
        try:
            async with asyncio.timeout(self._limit):
                found = await self._shared(host)
        except TimeoutError:
            raise NameNotFound(f"the name {host} was not found within the limit of {self._limit:g} s") from None
        if isinstance(found, OSError):
            raise NameNotFound(f"the name {host} was not found: {found.strerror or type(found).__name__}")
        return found

    async def _shared(self, host: str) -> Sequence[str] | OSError:
        if host not in self._under_way:
            await self._places.acquire()
            if host in self._under_way:
                self._places.release()
            else:
                self._begin(host)
        return await asyncio.shield(self._under_way[host])

    def _begin(self, host: str) -> None:
        loop = asyncio.get_running_loop()
        future = self._under_way[host] = loop.create_future()

        def end(found: Sequence[str] | OSError) -> None:
            del self._under_way[host]
            self._places.release()
            if not future.cancelled():
                future.set_result(found)

        def run() -> None:
            found: Sequence[str] | OSError
            try:
                found = self._look_up(host)
            except OSError as error:
                found = error
            except Exception as error:  # a name that the resolver's codec does not take
                found = OSError(socket.EAI_NONAME, str(error))
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
                loop.call_soon_threadsafe(end, found)

        threading.Thread(target=run, name=f"look-up of {host}", daemon=True).start()

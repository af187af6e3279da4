"""uvicorn inside the daemon's event loop: the daemon owns sockets, signals, start and stop."""

import asyncio
import contextlib
import errno
import logging
import socket
from collections.abc import Iterator

import uvicorn
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol

from jobrunner.config.model import Http
from jobrunner.errors import ConfigurationError
from jobrunner.lifecycle import Service, cancel
from jobrunner.web.limits import HEADERS_LIMIT, MESSAGE_LIMIT, Application, Limits
from jobrunner.web.protocol import Protocol

GRACE = 3.0
"""Seconds that answers under way may take when the daemon stops."""
KEEP_ALIVE = 15
"""Seconds that a connection may idle between two requests."""
MOST_CONNECTIONS = 500
"""At once; to more it says 503."""
PING_INTERVAL = 25.0
"""Seconds between two pings of a WebSocket."""
PONG_LIMIT = 20.0
"""Seconds for the answer to one."""
BACKLOG = 256
LOOKUP_LIMIT = 5.0
"""Seconds that the name of the host may take to be looked up."""
RETRY = 5.0
"""Seconds between two looks whether the port has become free."""
TICK = 1.0
"""Seconds for which the Date header holds."""

log = logging.getLogger("jobrunner.web")


class HttpServer(Service):
    """Serves an application. `required`: the port was asked for, so that one in use is an error, not a warning."""

    stop_limit = GRACE + 5.0

    def __init__(self, app: Application, settings: Http, *, required: bool) -> None:
        super().__init__("HTTP server")
        self._app = app
        self._settings = settings
        self._required = required
        self._server: _Server | None = None
        self._serving: asyncio.Task[None] | None = None
        self._waiting: asyncio.Task[None] | None = None

    @property
    def port(self) -> int | None:
        """The port that it listens on; None while that is another's."""
        return None if self._server is None else self._server.port

    async def _start(self) -> None:
        try:
            found = await self._bind()
        except ConfigurationError as error:
            if self._required:
                raise
            log.warning("%s; this daemon serves no pages until it is free", error)
            self._waiting = asyncio.create_task(self._wait_for_port(), name="wait for the HTTP port")
            self._waiting.add_done_callback(self._waited)
        else:
            await self._serve(found)

    async def _stop(self) -> None:
        waiting, self._waiting = self._waiting, None
        if waiting is not None:
            await cancel(waiting)
        server, serving = self._server, self._serving
        self._server = self._serving = None
        if server is not None:
            server.stop()
        if serving is not None:
            await asyncio.wait([serving])
        if server is not None:
            server.abandon()

    async def _wait_for_port(self) -> None:
        while True:
            await asyncio.sleep(RETRY)
            with contextlib.suppress(ConfigurationError):
                await self._serve(await self._bind())
                return

    def _waited(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and (error := task.exception()) is not None:
            self.fail(error)

    async def _bind(self) -> socket.socket:
        """Return a socket on which the server is to listen; says in one sentence why there is none."""
        host, port = self._settings.host, self._settings.port
        look_up = asyncio.get_running_loop().getaddrinfo
        try:
            async with asyncio.timeout(LOOKUP_LIMIT):
                addresses = await look_up(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        except TimeoutError:
            raise ConfigurationError(
                f"JOBRUNNER_HTTP__HOST: {host!r} could not be looked up within {LOOKUP_LIMIT:g} s"
            ) from None
        except (OSError, UnicodeError):
            raise ConfigurationError(f"JOBRUNNER_HTTP__HOST names no address of this machine, got {host!r}") from None
        family, kind, protocol, _, address = addresses[0]
        bound = socket.socket(family, kind, protocol)
        try:
            bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            bound.bind(address)
            bound.listen(BACKLOG)  # two may bind, but only one listens
            bound.setblocking(False)
        except OSError as error:
            bound.close()
            raise ConfigurationError(_why(error, host, port)) from None
        return bound

    async def _serve(self, bound: socket.socket) -> None:
        settings = self._settings
        config = uvicorn.Config(
            Limits(self._app),
            http=Protocol,
            ws=WebSocketsSansIOProtocol,
            ws_max_size=MESSAGE_LIMIT,
            ws_ping_interval=PING_INTERVAL,
            ws_ping_timeout=PONG_LIMIT,
            ws_per_message_deflate=False,
            lifespan="off",
            log_config=None,
            log_level="error",  # what strangers send that is no HTTP is no news
            access_log=False,
            server_header=False,
            proxy_headers=bool(settings.trusted_proxies),
            forwarded_allow_ips=list(settings.trusted_proxies),
            backlog=BACKLOG,
            limit_concurrency=MOST_CONNECTIONS,
            timeout_keep_alive=KEEP_ALIVE,
            timeout_graceful_shutdown=int(GRACE),
            h11_max_incomplete_event_size=HEADERS_LIMIT,
        )
        self._server = server = _Server(config, bound.getsockname()[1])
        self._serving = serving = asyncio.create_task(server.serve(sockets=[bound]), name=self.name)
        ready = asyncio.create_task(server.ready.wait())
        try:
            await asyncio.wait([serving, ready], return_when=asyncio.FIRST_COMPLETED)
        finally:
            ready.cancel()
        if serving.done():
            bound.close()
            serving.result()
        serving.add_done_callback(self._ended)
        log.info("HTTP: http://%s:%d", _shown(settings.host), server.port)

    def _ended(self, task: asyncio.Task[None]) -> None:
        if self._serving is task:
            error = None if task.cancelled() else task.exception()
            self.fail(error or ConfigurationError("the HTTP server ended"))


class _Server(uvicorn.Server):
    """Without signal handlers, and without looking ten times a second whether it is to stop."""

    def __init__(self, config: uvicorn.Config, port: int) -> None:
        super().__init__(config)
        self.port = port
        self.ready = asyncio.Event()
        self._told = asyncio.Event()

    def stop(self) -> None:
        """Accept nothing more, finish what is under way."""
        self.should_exit = True
        self._told.set()

    def abandon(self) -> None:
        """Cut what is left: a client that does not read its answer."""
        for connection in list(self.server_state.connections):
            connection.transport.abort()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave signals to the daemon."""
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to listen."""
        await super().startup(sockets)
        self.ready.set()

    async def main_loop(self) -> None:
        """Keep the Date header right until told to stop."""
        while not await self.on_tick(0):
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(TICK):
                    await self._told.wait()


def _why(error: OSError, host: str, port: int) -> str:
    match error.errno:
        case errno.EADDRINUSE:
            return f"port {port} of {host} is in use: set JOBRUNNER_HTTP__PORT to another one"
        case errno.EACCES | errno.EPERM:
            return f"port {port} of {host} is not for this account: set JOBRUNNER_HTTP__PORT to one above 1023"
        case errno.EADDRNOTAVAIL:
            return f"JOBRUNNER_HTTP__HOST names no address of this machine, got {host!r}"
        case _:
            return f"port {port} of {host} cannot be listened on: {error.strerror}"


def _shown(host: str) -> str:
    return f"[{host}]" if ":" in host else host

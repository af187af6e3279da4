"""Tells systemd how the daemon is: ready, stopping, alive (sd_notify(3); other managers speak the same).

A datagram of lines to the socket that NOTIFY_SOCKET names; without one nothing is said. Both variables are taken out of
the environment: what a job starts must not speak for the daemon.
"""

import asyncio
import logging
import os
import socket
from collections.abc import Callable, MutableMapping
from typing import Self

SEND_LIMIT = 1.0
"""Seconds that a message may wait for a manager that does not read."""

log = logging.getLogger("jobrunner.daemon")


class ServiceManager:
    """Whoever started the daemon as a service; nobody, where nothing says so."""

    def __init__(self, address: str | None = None, watchdog: float | None = None) -> None:
        """`address` of its socket, with a leading @ for an abstract one.

        `watchdog`: seconds without a sign of life after which it kills the daemon.
        """
        self._address = address
        self.watchdog = watchdog if address else None

    @classmethod
    def from_environment(cls, environment: MutableMapping[str, str] = os.environ) -> Self:
        """Take what it said out of the environment."""
        address, period, pid = (
            environment.pop(name, None) for name in ("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID")
        )
        meant = pid in (None, str(os.getpid()))  # else the watchdog is that of a parent
        return cls(
            address if address and address[0] in "/@" else None,
            int(period) / 1e6 if period and period.isdecimal() and int(period) and meant else None,
        )

    def tell(self, *lines: str) -> None:
        """Send lines; a manager that does not listen is no reason to stop."""
        if self._address is None:
            return
        address = "\0" + self._address[1:] if self._address[0] == "@" else self._address
        try:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
                sender.settimeout(SEND_LIMIT)
                sender.sendto("\n".join(lines).encode(), address)
        except OSError as error:
            log.debug("the service manager does not listen: %s", error)

    def ready(self, status: str) -> None:
        """Say that the daemon works; `status` stands in `systemctl status`."""
        self.tell("READY=1", f"STATUS={status}")

    def stopping(self, limit: float) -> None:
        """Say that the daemon stops, and needs up to `limit` seconds for that."""
        self.tell("STOPPING=1", f"EXTEND_TIMEOUT_USEC={int(limit * 1e6)}", "STATUS=Stopping; running jobs may end")

    async def watch(self, through: Callable[[Callable[[], None]], None]) -> None:
        """Give a sign of life three times in each period of the watchdog; ends at once where there is none.

        `through` has a call made on another thread, which then must be alive as well as this loop.
        """
        while self.watchdog is not None:
            through(lambda: self.tell("WATCHDOG=1"))
            await asyncio.sleep(self.watchdog / 3)

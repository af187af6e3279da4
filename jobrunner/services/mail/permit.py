"""Where the servers of guarded accounts may be: those that somebody entered who is no administrator.

Such an account must not be a way into the network behind this machine (SSRF). The guard is asked when it is saved, for
a sentence at once, and decides when it is used, about each address that is about to be connected to.
"""

import asyncio
import socket
from dataclasses import dataclass
from functools import cached_property
from ipaddress import ip_address
from urllib.parse import urlsplit

from jobrunner.db.queryable import Queryable
from jobrunner.errors import InvalidInput
from jobrunner.services.address_guard import AddressRefused, Guard
from jobrunner.services.mail.settings import load_mail_server_settings

PORTS = (25, 80, 143, 443, 465, 587, 993)
"""Below 1024 what mail and its login providers use; others there are none of theirs."""
LOOK_UP_LIMIT = 5.0
"""Seconds that looking a name up may take when an account is saved."""


@dataclass(frozen=True)
class Permit:
    """Says to which addresses of a host may be connected. Equal ones say the same."""

    host: str
    allowed: tuple[str, ...] = ()
    """What the administrator lets through (`email_server_allowed_address_list`)."""

    def __call__(self, address: str, port: int) -> bool:
        """Return whether it may be connected to."""
        return self.refusal(address, port) is None

    def refusal(self, address: str, port: int) -> str | None:
        """Return why an address may not be connected to, as a part of a sentence, or None where it may."""
        try:
            self._guard.check_address(self.host, ip_address(address), port)
        except ValueError:
            return f"{self.host} leads to what is no IP address"
        except AddressRefused as refused:
            return str(refused)
        return None

    def refusal_of_name(self, port: int) -> str | None:
        """Return why the host need not even be looked up, or None."""
        try:
            self._guard.check_name(self.host, port)
        except AddressRefused as refused:
            return str(refused)
        return None

    @cached_property
    def _guard(self) -> Guard:
        return Guard(self.allowed, low_ports=PORTS)


async def check_server(connection: Queryable, what: str, host: str, port: int) -> None:
    """Refuse a host that a guarded account may not name. One that cannot be looked up now is looked at when it is used.

    `what` names it in the sentence: `the host`, `the token URL`.

    Raises:
        InvalidInput: it says why, and what lets it through.
    """
    permit = Permit(host, (await load_mail_server_settings(connection)).email_server_allowed_address_list)
    reason = permit.refusal_of_name(port)
    if reason is None:
        addresses = await _look_up(host, port)
        refusals = [permit.refusal(address, port) for address in addresses]
        if not refusals or None in refusals:
            return
        reason = refusals[0]
    shown = f"[{host}]" if ":" in host else host
    raise InvalidInput(
        f"{what} may not be used: {reason}; an administrator lets it through by `jobrunner settings set "
        f"email_server_allowed_address_list {shown}:{port}` (commas between several), or enters the account"
    )


async def check_token_server(connection: Queryable, url: str | None) -> None:
    """Refuse a login provider that a guarded account may not name; raises as `check_server` does."""
    if url is not None:
        host, port = place_of_url(url)
        await check_server(connection, "the token URL", host, port)


def place_of_url(url: str) -> tuple[str, int]:
    """Return host and port that a URL leads to."""
    parts = urlsplit(url)
    return parts.hostname or "", parts.port or (80 if parts.scheme == "http" else 443)


async def _look_up(host: str, port: int) -> list[str]:
    try:
        async with asyncio.timeout(LOOK_UP_LIMIT):
            found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError, TimeoutError):
        return []
    return list(dict.fromkeys(str(address[0]) for *_, address in found))

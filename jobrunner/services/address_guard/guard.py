"""The guard: the rules, and what an administrator lets through."""

import errno
from collections.abc import Callable, Collection, Sequence
from ipaddress import IPv4Address, IPv6Address, ip_address

from jobrunner.services.address_guard.allowed import read_allowed
from jobrunner.services.address_guard.names import comparable, name_reason
from jobrunner.services.address_guard.own import is_own_address
from jobrunner.services.address_guard.rules import deny_reason, unmapped

WEB_PORTS = (80, 443)
FIRST_FREE_PORT = 1024


class AddressRefused(PermissionError):
    """The guard refused a name, an address or a port. `str(error)` is a sentence without its end.

    An OSError with a number, as clients expect of a socket that cannot be had.
    """

    def __init__(self, words: str) -> None:
        super().__init__(errno.EACCES, words)
        self.words = words

    def __str__(self) -> str:
        return self.words


def check_allowed(entry: str) -> None:
    """Refuse an entry that `Guard` could not read.

    Raises:
        InvalidInput: it is neither `host:port` nor a network.
    """
    read_allowed((entry,))


class Guard:
    """Decides on hosts, addresses and ports.

    Each entry of `allowed` overrides just what it names: `host:port` the rules for this name at this port, and for
    whatever address it leads to; `address:port` those for this address and port, by whatever name it was reached; a
    network the rules for its addresses, but not those for ports and names.

    Args:
        allowed: `host:port` or CIDR.
        low_ports: the ports below 1024 that may be connected to; others there (25, 22, 53 …) are refused.
        is_own: says whether an address is this machine's own.

    Raises:
        InvalidInput: an entry cannot be read.
    """

    def __init__(
        self,
        allowed: Sequence[str] = (),
        *,
        low_ports: Collection[int] = WEB_PORTS,
        is_own: Callable[[IPv4Address | IPv6Address], bool] = is_own_address,
    ) -> None:
        self._allowed = read_allowed(allowed)
        self._low_ports = frozenset(low_ports)
        self._is_own = is_own

    def check_name(self, host: str, port: int) -> None:
        """Check a host as it stands in a URL (a name, or an IP literal without brackets) before it is looked up.

        Raises:
            AddressRefused: it need not be looked up. That it passes says nothing of the addresses of a name.
        """
        if "%" in host:
            raise AddressRefused(f"{host} has a zone, which is not taken")
        try:
            ip = ip_address(host)
        except ValueError:
            pass
        else:
            self.check_address(host, ip, port)
            return
        name = comparable(host)
        if self._allowed.has_host(name, port):
            return
        if reason := name_reason(name):
            raise AddressRefused(f"{host} {reason}")
        # At an address of the list another port may be allowed; which one it is, only the connection knows.
        if not self._is_open(port) and not any(port == allowed for _, allowed in self._allowed.addresses):
            raise AddressRefused(_closed(port))

    def check_address(self, host: str, ip: IPv4Address | IPv6Address, port: int) -> None:
        """Check the very address that is about to be connected to; `host` is what it was reached by.

        Raises:
            AddressRefused: it must not be connected to.
        """
        if self._allowed.has_host(comparable(host), port):
            return
        ip = unmapped(ip)
        if self._allowed.has_address(ip, port):
            return
        if not self._is_open(port):
            raise AddressRefused(_closed(port))
        if self._allowed.has_network_of(ip):
            return
        if reason := deny_reason(ip):
            raise AddressRefused(f"{_shown(host, ip)} is {reason}")
        if self._is_own(ip):
            raise AddressRefused(f"{_shown(host, ip)} is an address of this machine itself")

    def permits(self, host: str) -> Callable[[str, int], bool]:
        """Return what says of each address of a host, and a port, whether it may be connected to."""

        def permits(address: str, port: int) -> bool:
            try:
                self.check_address(host, ip_address(address), port)
            except ValueError:
                return False  # what cannot be read is denied
            except AddressRefused:
                return False
            return True

        return permits

    def _is_open(self, port: int) -> bool:
        return port in self._low_ports or FIRST_FREE_PORT <= port < 65_536


def _shown(host: str, ip: IPv4Address | IPv6Address) -> str:
    return str(ip) if host == str(ip) else f"{host} leads to {ip}, which"


def _closed(port: int) -> str:
    return f"port {port} is not one that may be connected to"

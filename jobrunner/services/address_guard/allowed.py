"""What an administrator lets through: `host:port` and networks (CIDR)."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from jobrunner.errors import InvalidInput
from jobrunner.services.address_guard.names import LABEL, LONGEST_NAME, comparable
from jobrunner.services.address_guard.rules import MAPPED, unmapped

FORM = "write host:port (intranet.example.com:8080, [fd00::1]:443) or a network (10.1.0.0/16)"
HOST_AND_PORT = re.compile(r"(?:\[([0-9A-Fa-f:.]+)\]|([^:/\[\]@\s]+)):([0-9]{1,5})")


@dataclass(frozen=True, slots=True)
class Allowed:
    """The entries, read."""

    hosts: frozenset[tuple[str, int]]
    """Names (`comparable`), with their ports."""
    addresses: frozenset[tuple[IPv4Address | IPv6Address, int]]
    networks: tuple[IPv4Network | IPv6Network, ...]

    def has_host(self, name: str, port: int) -> bool:
        """Say whether this name is let through at this port, whatever it leads to."""
        return (name, port) in self.hosts

    def has_address(self, ip: IPv4Address | IPv6Address, port: int) -> bool:
        """Say whether this address (`unmapped`) is let through at this port by an entry for just these."""
        return (ip, port) in self.addresses

    def has_network_of(self, ip: IPv4Address | IPv6Address) -> bool:
        """Say whether this address (`unmapped`) is in a network that is let through."""
        return any(ip in network for network in self.networks)


def read_allowed(entries: Iterable[str]) -> Allowed:
    """Read the entries.

    Raises:
        InvalidInput: one is neither; the sentence says which.
    """
    hosts: set[tuple[str, int]] = set()
    addresses: set[tuple[IPv4Address | IPv6Address, int]] = set()
    networks: list[IPv4Network | IPv6Network] = []
    for entry in entries:
        text = entry.strip()
        if "/" in text:
            networks.append(_read_network(text))
            continue
        host, port = _read_host(text)
        if isinstance(host, str):
            hosts.add((host, port))
        else:
            addresses.add((host, port))
    return Allowed(frozenset(hosts), frozenset(addresses), tuple(networks))


def _read_network(text: str) -> IPv4Network | IPv6Network:
    try:
        network = ip_network(text)
    except ValueError as error:
        at_fault = f": {error}" if "host bits" in str(error) else ""
        raise InvalidInput(f"{text[:100]!r} is no network{at_fault}; {FORM}") from None
    if isinstance(network, IPv6Network) and network.subnet_of(MAPPED):
        # It would never match: such addresses are compared as the IPv4 addresses they are.
        raise InvalidInput(f"{text[:100]!r} is of IPv4-mapped addresses; write the IPv4 network")
    return network


def _read_host(text: str) -> tuple[str | IPv4Address | IPv6Address, int]:
    match = HOST_AND_PORT.fullmatch(text)
    if match is None or not 0 < int(match[3]) < 65_536:
        raise InvalidInput(f"{text[:100]!r} is no address that may be allowed; {FORM}")
    literal, name, port = match[1], match[2], int(match[3])
    try:
        return unmapped(ip_address(literal or name)), port
    except ValueError:
        pass
    if literal is not None:
        raise InvalidInput(f"{text[:100]!r} holds no IPv6 address between its brackets; {FORM}")
    return _ascii_name(name, text), port


def _ascii_name(name: str, text: str) -> str:
    host = comparable(name)
    if not host.isascii():
        try:
            host = host.encode("idna").decode("ascii")
        except UnicodeError:
            raise InvalidInput(f"{text[:100]!r} holds no host's name; {FORM}") from None
    if len(host) > LONGEST_NAME or not all(LABEL.fullmatch(label) for label in host.split(".")):
        raise InvalidInput(f"{text[:100]!r} holds no host's name; {FORM}")
    return host

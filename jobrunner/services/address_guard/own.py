"""Whether an address is this machine's own: what listens there may trust whoever comes from here."""

import socket
from ipaddress import IPv4Address, IPv6Address


def is_own_address(ip: IPv4Address | IPv6Address) -> bool:
    """Say whether the kernel would deliver to this machine what is sent to an address. Nothing is sent.

    A datagram socket that is connected gets the source that the kernel would use: for an own address, that address.
    """
    family = socket.AF_INET if isinstance(ip, IPv4Address) else socket.AF_INET6
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((str(ip), 9))  # any port: nothing goes there
            return bool(probe.getsockname()[0] == str(ip))
    except OSError:
        return False  # there is no way to it at all

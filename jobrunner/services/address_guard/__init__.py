"""Which addresses a program may be sent to by somebody who only gives a URL or a host's name (SSRF).

Default deny. What decides is the IP that the socket is about to connect to, never a text: of a name's addresses each
is looked at by itself. IPv4 must be public unicast; IPv6 must be in 2000::/3, the only space given to the public
internet; both without what the tables in `rules` name. Python's `ipaddress.is_global` is not asked, since it calls
NAT64, 6to4, `::7f00:1`, multicast and the addresses of clouds global.

What an administrator lists is let through, entry by entry (`Guard`). Where a deployment can, an egress proxy or a
firewall comes on top.
"""

from jobrunner.services.address_guard.guard import AddressRefused, Guard, check_allowed
from jobrunner.services.address_guard.rules import deny_reason

__all__ = ["AddressRefused", "Guard", "check_allowed", "deny_reason"]

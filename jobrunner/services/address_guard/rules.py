"""The rule for an IP address, and the tables of what it denies."""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

PUBLIC_IPV6 = IPv6Network("2000::/3")
MAPPED = IPv6Network("::ffff:0:0/96")

# In both tables the first that holds an address names it.
IPV4_DENIED = tuple(
    (IPv4Network(network), words)
    for network, words in (
        # Linux takes 0.0.0.0 for loopback.
        ("0.0.0.0/8", "this network"),
        ("10.0.0.0/8", "a private network"),
        ("172.16.0.0/12", "a private network"),
        ("192.168.0.0/16", "a private network"),
        # RFC 6598; 100.100.100.200 are Alibaba's metadata.
        ("100.64.0.0/10", "shared address space"),
        ("127.0.0.0/8", "loopback"),
        # 169.254.169.254 and 169.254.170.2 are the metadata of most clouds.
        ("169.254.0.0/16", "link-local"),
        # 192.0.0.192 are Oracle's metadata.
        ("192.0.0.0/24", "kept for protocols"),
        ("192.0.2.0/24", "kept for documentation"),
        ("198.51.100.0/24", "kept for documentation"),
        ("203.0.113.0/24", "kept for documentation"),
        ("192.31.196.0/24", "AS112"),
        ("192.175.48.0/24", "AS112"),
        ("192.52.193.0/24", "AMT"),
        ("192.88.99.0/24", "6to4 relay"),
        ("198.18.0.0/15", "kept for benchmarks"),
        ("224.0.0.0/4", "multicast"),
        ("255.255.255.255/32", "broadcast"),
        ("240.0.0.0/4", "reserved"),
        # In public space, and answered by the host of an Azure machine.
        ("168.63.129.16/32", "the host of a cloud"),
    )
)

IPV6_DENIED = tuple(
    (IPv6Network(network), words)
    for network, words in (
        ("::/128", "unspecified"),
        ("::1/128", "loopback"),
        ("::/96", "an IPv4-compatible address"),
        ("::ffff:0:0:0/96", "an IPv4-translated address"),
        ("64:ff9b::/96", "NAT64"),
        ("64:ff9b:1::/48", "NAT64"),
        ("100::/64", "discard-only"),
        ("100:0:0:1::/64", "dummy prefix"),
        ("5f00::/16", "segment routing"),
        # fd00:ec2::254 are Amazon's metadata.
        ("fc00::/7", "a private network"),
        ("fe80::/10", "link-local"),
        ("fec0::/10", "site-local"),
        ("ff00::/8", "multicast"),
        # Inside of 2000::/3. 2001::/23 holds Teredo, ORCHID and the space for benchmarks.
        ("2001::/23", "kept for protocols"),
        ("2001:db8::/32", "kept for documentation"),
        ("3fff::/20", "kept for documentation"),
        ("2002::/16", "6to4"),
    )
)


def deny_reason(ip: IPv4Address | IPv6Address) -> str | None:
    """Return what an address is that nobody may be sent to, such as `loopback (127.0.0.0/8)`; None for a public one.

    An IPv4-mapped address (`::ffff:a.b.c.d`) is what its IPv4 address is.
    """
    ip = unmapped(ip)
    if isinstance(ip, IPv4Address):
        return next((f"{words} ({network})" for network, words in IPV4_DENIED if ip in network), None)
    if ip.scope_id is not None:
        return "an address with a zone"
    for network, words in IPV6_DENIED:
        if ip in network:
            return f"{words} ({network})"
    return None if ip in PUBLIC_IPV6 else f"outside of the public IPv6 space ({PUBLIC_IPV6})"


def unmapped(ip: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """Return the IPv4 address that a socket connected to this IPv6 address would reach; any other as it is."""
    if isinstance(ip, IPv6Address) and ip.ipv4_mapped is not None and ip.scope_id is None:
        return ip.ipv4_mapped
    return ip

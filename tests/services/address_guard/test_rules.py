"""The table of addresses, with the edges of each network."""

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

import pytest

from jobrunner.services.address_guard import deny_reason
from jobrunner.services.address_guard.rules import IPV4_DENIED, IPV6_DENIED

DENIED = [
    ("0.0.0.0", "this network"),
    ("10.255.255.255", "private"),
    ("172.16.0.1", "private"),
    ("172.31.255.255", "private"),
    ("192.168.0.1", "private"),
    ("100.64.0.1", "shared"),
    ("100.100.100.200", "shared"),
    ("127.0.0.1", "loopback"),
    ("127.255.255.254", "loopback"),
    ("169.254.169.254", "link-local"),
    ("169.254.170.2", "link-local"),
    ("192.0.0.192", "protocols"),
    ("192.0.2.1", "documentation"),
    ("198.51.100.1", "documentation"),
    ("203.0.113.1", "documentation"),
    ("192.31.196.1", "AS112"),
    ("192.175.48.1", "AS112"),
    ("192.52.193.1", "AMT"),
    ("192.88.99.1", "6to4"),
    ("198.18.0.1", "benchmarks"),
    ("198.19.255.255", "benchmarks"),
    ("224.0.0.1", "multicast"),
    ("239.255.255.255", "multicast"),
    ("240.0.0.1", "reserved"),
    ("255.255.255.255", "broadcast"),
    ("168.63.129.16", "cloud"),
    ("::", "unspecified"),
    ("::1", "loopback"),
    ("::7f00:1", "IPv4-compatible"),
    ("::127.0.0.1", "IPv4-compatible"),
    ("::ffff:127.0.0.1", "loopback"),
    ("::ffff:10.0.0.1", "private"),
    ("::ffff:169.254.169.254", "link-local"),
    ("::ffff:0:127.0.0.1", "IPv4-translated"),
    ("64:ff9b::7f00:1", "NAT64"),
    ("64:ff9b::a9fe:a9fe", "NAT64"),
    ("64:ff9b:1::1", "NAT64"),
    ("100::1", "discard"),
    ("100:0:0:1::1", "dummy"),
    ("5f00::1", "segment"),
    ("fc00::1", "private"),
    ("fd00:ec2::254", "private"),
    ("fe80::1", "link-local"),
    ("fec0::1", "site-local"),
    ("ff02::1", "multicast"),
    ("ff0e::1", "multicast"),
    ("2001::1", "protocols"),
    ("2001:2::1", "protocols"),
    ("2001:10::1", "protocols"),
    ("2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff", "protocols"),
    ("2001:db8::1", "documentation"),
    ("3fff::1", "documentation"),
    ("2002:7f00:1::", "6to4"),
    ("1::1", "outside"),
    ("4000::1", "outside"),
    ("a000::1", "outside"),
    ("fe00::1", "outside"),
    ("2606:4700:4700::1111%eth0", "zone"),
    ("::ffff:8.8.8.8%eth0", "zone"),
]

PUBLIC = [
    "1.1.1.1",
    "8.8.8.8",
    "9.255.255.255",
    "11.0.0.0",
    "100.63.255.255",
    "100.128.0.0",
    "126.255.255.255",
    "128.0.0.0",
    "168.63.129.15",
    "168.63.129.17",
    "169.253.255.255",
    "172.15.255.255",
    "172.32.0.0",
    "192.0.1.0",
    "192.167.255.255",
    "192.169.0.0",
    "198.17.255.255",
    "198.20.0.0",
    "223.255.255.255",
    "::ffff:8.8.8.8",
    "2001:200::1",
    "2001:4860:4860::8888",
    "2606:4700:4700::1111",
    "2003::1",
    "3ffe:ffff::1",
    "2a00:1450::1",
    "3fff:1000::1",
]


@pytest.mark.parametrize(("address", "words"), DENIED)
def test_it_is_denied_by_name(address: str, words: str):
    """H12."""
    assert words in (deny_reason(ip_address(address)) or "")


@pytest.mark.parametrize("address", PUBLIC)
def test_it_is_public(address: str):
    assert deny_reason(ip_address(address)) is None


@pytest.mark.parametrize("network", [network for network, _ in (*IPV4_DENIED, *IPV6_DENIED)], ids=str)
def test_a_network_is_denied_from_its_first_to_its_last_address(network: IPv4Network | IPv6Network):
    """H12."""
    assert deny_reason(network[0]) is not None
    assert deny_reason(network[-1]) is not None


def test_what_python_calls_global_is_not_asked():
    """H12: the library's opinion of these is why it is not used."""
    for address in ("224.0.0.1", "192.88.99.1", "168.63.129.16", "::7f00:1", "64:ff9b::7f00:1", "2002:7f00:1::"):
        assert deny_reason(ip_address(address)) is not None


def test_no_address_that_python_calls_private_is_public():
    """H12: and where it is the stricter one, so are we."""
    edges: list[IPv4Address | IPv6Address] = []
    for text in ("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "198.18.0.0/15", "240.0.0.0/4"):
        edges += [ip_network(text)[0], ip_network(text)[-1]]
    # Every /16 of IPv4 and every /8 and /16 near the edges of IPv6.
    edges += [IPv4Address(high << 16 | 1) for high in range(65_536)]
    edges += [IPv6Address(high << 112 | 1) for high in range(65_536)]
    odd = [
        ip for ip in edges if not ip.is_global and deny_reason(ip) is None and not (ip.version == 6 and ip.ipv4_mapped)
    ]
    assert odd == []

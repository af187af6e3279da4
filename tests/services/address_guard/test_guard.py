"""What an administrator lets through, and what it does not touch."""

import socket
from ipaddress import ip_address

import pytest

from jobrunner.errors import InvalidInput
from jobrunner.services.address_guard import AddressRefused, Guard, check_allowed
from jobrunner.services.address_guard.own import is_own_address


def foreign(ip: object) -> bool:
    return False


def name_passes(guard: Guard, host: str, port: int = 443) -> bool:
    try:
        guard.check_name(host, port)
    except AddressRefused:
        return False
    return True


def address_passes(guard: Guard, host: str, address: str, port: int = 443) -> bool:
    try:
        guard.check_address(host, ip_address(address), port)
    except AddressRefused:
        return False
    return True


# Entries


@pytest.mark.parametrize(
    "entry",
    [
        "intranet.example.com:8080",
        "intranet:80",
        "Intranet.Example.COM.:80",
        "bücher.example:80",
        "10.0.0.5:8080",
        "[fd00::1]:443",
        "10.1.0.0/16",
        "fd00::/8",
        "::/0",
        " 10.1.0.0/16 ",
        "a_b.example:25",
    ],
)
def test_an_entry_is_taken(entry: str):
    check_allowed(entry)
    Guard([entry])


@pytest.mark.parametrize(
    "entry",
    [
        "",
        "intranet.example.com",
        "10.0.0.5",
        "http://intranet.example.com:80",
        "intranet.example.com:0",
        "intranet.example.com:65536",
        "intranet.example.com:http",
        "user@intranet.example.com:80",
        "10.0.0.5/16",
        "10.0.0.0/33",
        "10.0.0.0/16:80",
        "fd00::1:443",
        "[fd00::1]",
        "[intranet]:80",
        "[10.0.0.1]x:80",
        "*.example.com:80",
        "exa mple.com:80",
        "-a.example:80",
        "::ffff:10.0.0.0/104",
        "x" * 300 + ":80",
    ],
)
def test_an_entry_that_cannot_be_read_is_refused_in_one_sentence(entry: str):
    with pytest.raises(InvalidInput) as caught:
        check_allowed(entry)
    text = str(caught.value)
    assert "\n" not in text
    assert repr(entry.strip()[:100]) in text
    with pytest.raises(InvalidInput):
        Guard(["10.0.0.0/8", entry])


def test_host_bits_are_named():
    with pytest.raises(InvalidInput, match="host bits"):
        check_allowed("10.0.0.5/16")


# Names


@pytest.mark.parametrize("host", ["example.com", "EXAMPLE.com.", "a.b-c.example", "xn--bcher-kva.example", "8.8.8.8"])
def test_a_name_passes(host: str):
    assert name_passes(Guard(is_own=foreign), host)


@pytest.mark.parametrize(
    ("host", "words"),
    [
        ("localhost", "internal name"),
        ("LOCALHOST.", "internal name"),
        ("x.localhost", "internal name"),
        ("printer.local", "internal name"),
        ("db.internal", "internal name"),
        ("metadata.google.internal", "internal name"),
        ("nas.home.arpa", "internal name"),
        ("intranet", "without a dot"),
        ("2130706433", "a form that is not taken"),
        ("0x7f000001", "a form that is not taken"),
        ("0x7f.0x0.0x0.0x1", "a form that is not taken"),
        ("0x7f.1", "a form that is not taken"),
        ("0177.0.0.1", "a form that is not taken"),
        ("017700000001", "a form that is not taken"),
        ("127.1", "a form that is not taken"),
        ("0", "a form that is not taken"),
        ("0x", "a form that is not taken"),
        ("127.0.0.1.", "a form that is not taken"),
        ("example.0x7f", "a form that is not taken"),
        ("127.0.0.1", "loopback"),
        ("::1", "loopback"),
        ("fe80::1%25lo", "zone"),
        ("fe80::1%lo", "zone"),
        ("ex%61mple.com", "zone"),
        ("example..com", "no host's name"),
        ("example.com..", "no host's name"),
        ("", "no host's name"),
        (".", "no host's name"),
        ("-a.example", "no host's name"),
        ("a" * 64 + ".example", "no host's name"),
        ("exa mple.com", "no host's name"),
        ("①②⑦.⓪.⓪.①", "no host's name"),
    ],
)
def test_a_name_is_refused(host: str, words: str):
    """H12."""
    with pytest.raises(AddressRefused, match=words):
        Guard().check_name(host, 443)


# Ports


@pytest.mark.parametrize("port", [80, 443, 1024, 8443, 65_535])
def test_a_port_passes(port: int):
    guard = Guard(is_own=foreign)
    assert name_passes(guard, "example.com", port)
    assert address_passes(guard, "example.com", "8.8.8.8", port)


@pytest.mark.parametrize("port", [0, 22, 25, 53, 110, 445, 1023])
def test_a_port_is_refused(port: int):
    """H13."""
    guard = Guard(["8.8.8.0/24"], is_own=foreign)
    with pytest.raises(AddressRefused, match=f"port {port}"):
        guard.check_name("example.com", port)
    with pytest.raises(AddressRefused, match=f"port {port}"):
        guard.check_address("example.com", ip_address("8.8.8.8"), port)


def test_another_service_has_other_ports():
    guard = Guard(low_ports=(143, 993), is_own=foreign)
    assert address_passes(guard, "imap.example.com", "8.8.8.8", 993)
    assert not address_passes(guard, "imap.example.com", "8.8.8.8", 443)
    assert guard.permits("imap.example.com")("8.8.8.8", 993)
    assert not guard.permits("imap.example.com")("10.0.0.1", 993)
    assert not guard.permits("imap.example.com")("no address", 993)


# What entries override


def test_a_host_is_let_through_at_its_port_wherever_it_leads():
    guard = Guard(["intranet:8080", "localhost:25"])
    assert name_passes(guard, "Intranet.", 8080)
    assert address_passes(guard, "INTRANET", "127.0.0.1", 8080)
    assert name_passes(guard, "localhost", 25)
    assert address_passes(guard, "localhost", "::1", 25)
    assert not name_passes(guard, "intranet", 8081)
    assert not address_passes(guard, "intranet", "10.0.0.1", 8081)
    assert not address_passes(guard, "other.example", "10.0.0.1", 8080)


def test_an_address_is_let_through_at_its_port_by_whatever_name():
    guard = Guard(["10.0.0.5:25", "[fd00::1]:8080"])
    assert address_passes(guard, "mail.example.com", "10.0.0.5", 25)
    assert name_passes(guard, "mail.example.com", 25)
    assert name_passes(guard, "10.0.0.5", 25)
    assert address_passes(guard, "x.example", "::ffff:10.0.0.5", 25)
    assert address_passes(guard, "fd00::1", "fd00::1", 8080)
    assert not address_passes(guard, "mail.example.com", "10.0.0.6", 25)
    assert not address_passes(guard, "mail.example.com", "8.8.8.8", 25)
    assert not address_passes(guard, "mail.example.com", "10.0.0.5", 80)


def test_a_network_lets_addresses_through_but_no_ports_and_no_names():
    guard = Guard(["10.1.0.0/16", "127.0.0.0/8", "fd00::/8"])
    assert address_passes(guard, "x.example", "10.1.2.3", 8080)
    assert address_passes(guard, "x.example", "::ffff:10.1.2.3", 8080)
    assert address_passes(guard, "x.example", "fd00::5", 443)
    assert not address_passes(guard, "x.example", "10.2.0.1", 8080)
    assert not address_passes(guard, "x.example", "10.1.2.3", 25)
    assert not name_passes(guard, "localhost", 8080)
    assert not name_passes(guard, "127.1", 8080)


# This machine


def test_an_own_address_is_refused_though_it_is_public():
    """H13: what listens here may trust whoever comes from here, at any port."""
    guard = Guard(is_own=lambda ip: str(ip) == "8.8.8.8")
    with pytest.raises(AddressRefused, match="this machine itself"):
        guard.check_address("example.com", ip_address("8.8.8.8"), 443)
    assert address_passes(guard, "example.com", "8.8.4.4")
    assert address_passes(Guard(["8.8.8.8:443"], is_own=lambda ip: True), "example.com", "8.8.8.8")


def test_the_kernel_knows_its_own_addresses():
    assert is_own_address(ip_address("127.0.0.1"))
    assert not is_own_address(ip_address("8.8.8.8"))
    assert not is_own_address(ip_address("2606:4700:4700::1111"))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("8.8.8.8", 9))
        except OSError:
            return  # a machine without any other network
        assert is_own_address(ip_address(probe.getsockname()[0]))


def test_a_refusal_is_an_error_of_a_socket():
    refused = AddressRefused("no")
    assert isinstance(refused, OSError)
    assert refused.errno
    assert str(refused) == "no"

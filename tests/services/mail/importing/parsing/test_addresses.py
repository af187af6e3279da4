"""Address fields as senders write them (mail-in.md, 9.5)."""

import pytest

from jobrunner.services.mail.importing.parsing.addresses import read_addresses

ANN = ("ann@example.com", "Ann", "ann@example.com")


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("", []),
        ("<>", []),
        ("root", [("root", "", None)]),
        ("Root <root>", [("root", "Root", None)]),
        ("Ann <ann@example.com>", [ANN]),
        ('"Ann" <ann@example.com>', [ANN]),
        ("ann@example.com (Ann)", [ANN]),
        ("Ann <ANN@Example.COM>", [("ANN@example.com", "Ann", "ann@example.com")]),
        ("ann@bücher.example", [("ann@xn--bcher-kva.example", "", "ann@xn--bcher-kva.example")]),
        ("Doe, John <j@example.com>", [("j@example.com", "Doe, John", "j@example.com")]),
        ('"Doe, John" <j@example.com>', [("j@example.com", "Doe, John", "j@example.com")]),
        (
            "a@example.com; b@example.com",
            [("a@example.com", "", "a@example.com"), ("b@example.com", "", "b@example.com")],
        ),
        ("undisclosed-recipients:;", []),
        ("Friends: Ann <ann@example.com>, b@example.com;", [ANN, ("b@example.com", "", "b@example.com")]),
        ("=?utf-8?q?J=C3=B6hn?= <j@example.com>", [("j@example.com", "Jöhn", "j@example.com")]),
        ('"=?utf-8?q?J=C3=B6hn?=" <j@example.com>', [("j@example.com", "Jöhn", "j@example.com")]),
        ("<@relay,@other:ann@example.com>", [("ann@example.com", "", "ann@example.com")]),
        ("Ann <ann@example.com", [ANN]),
        ("Ann ann@example.com", [ANN]),
        ("'ann@example.com' <ann@example.com>", [("ann@example.com", "", "ann@example.com")]),
        ("Ann <ann @ example.com>", [ANN]),
        ("Ann (the (nested) one) <ann@example.com>", [ANN]),
        ('"a\\"b" <ann@example.com>', [("ann@example.com", 'a"b', "ann@example.com")]),
        ("a@b>\r\n RCPT TO:<x@y>", [("x@y", "a@b RCPT TO:", "x@y")]),
        ("Ann <ann@@example.com>", [("ann@@example.com", "Ann", None)]),
        ("Ann <ann@exa mple.com>", [("ann@exa mple.com", "Ann", None)]),
        (",,;,", []),
        ("root, ann@example.com", [("root", "", None), ("ann@example.com", "", "ann@example.com")]),
    ],
)
def test_addresses(written: str, read: list[tuple[str, str, str | None]]):
    assert [(a.address, a.name, a.key) for a in read_addresses(written.encode())] == read

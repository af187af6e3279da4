"""Certificates of a CA of our own, and ways to read what arrived."""

import email
import email.policy
import ssl
from collections.abc import Callable
from email.message import EmailMessage

import pytest
import trustme


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="session")
def server_tls(authority: trustme.CA) -> Callable[[str], ssl.SSLContext]:
    """The context of a server whose certificate is for that host."""

    def make(host: str = "127.0.0.1") -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        authority.issue_cert(host).configure_cert(context)
        return context

    return make


@pytest.fixture(scope="session")
def client_tls(authority: trustme.CA) -> ssl.SSLContext:
    """As `ssl.create_default_context()`, but it trusts our own CA only."""
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


@pytest.fixture
def parse() -> Callable[[bytes], EmailMessage]:
    """Parse a message by the strict policy, and refuse any defect in it or in its headers."""

    def read(data: bytes) -> EmailMessage:
        message = email.message_from_bytes(data, policy=email.policy.strict)
        assert isinstance(message, EmailMessage)
        for part in message.walk():
            assert part.defects == []
            for name, value in part.items():
                assert value.defects == (), name
        return message

    return read

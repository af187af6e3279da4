"""URLs that users give, read as the client will read them."""

from dataclasses import dataclass

from yarl import URL

from jobrunner.errors import InvalidInput
from jobrunner.services.address_guard import AddressRefused, Guard

LONGEST_URL = 2000
FORM = "write it as https://hooks.example.com/path"


@dataclass(frozen=True, slots=True)
class Target:
    """A URL, taken apart."""

    url: URL
    host: str
    """A name in ASCII, or an IP literal without brackets."""
    port: int


def check_url(url: str, guard: Guard, https_only: bool) -> str:
    """Return the URL as it is to be kept: its host in small letters and ASCII, no fragment.

    What a name leads to is not looked at; that is decided at each connection.

    Raises:
        InvalidInput: it is no URL of http or https, names somebody, or must not be connected to. The message shows no
            more of it than scheme, host and port, for the rest may be secret.
    """
    target = read_url(url)
    if https_only and target.url.scheme != "https":
        raise InvalidInput("the URL must begin with https://, since webhook_https_only is on")
    try:
        guard.check_name(target.host, target.port)
    except AddressRefused as refused:
        raise InvalidInput(
            f"the URL must not be sent to: {refused}; an administrator may allow {_host_and_port(target)} "
            "in webhook_allowed_hosts"
        ) from None
    return str(target.url)


def read_url(text: str) -> Target:
    """Take a URL apart, with the parser of the client.

    Raises:
        InvalidInput: it is no URL of http or https, or it names somebody.
    """
    if len(text) > LONGEST_URL:
        raise InvalidInput(f"the URL must have at most {LONGEST_URL} letters, got {len(text)}")
    if not text.isprintable() or " " in text or "\\" in text:
        raise InvalidInput(f"the URL must have no blanks, control characters or backslashes; {FORM}")
    try:
        url = URL(text).with_fragment(None)
        scheme, host, port = url.scheme, url.raw_host, url.port
    except ValueError:
        raise InvalidInput(f"the URL cannot be read; {FORM}") from None
    if scheme not in ("http", "https"):
        # Without a scheme it may be anything, a secret too: nothing of it is shown.
        beginning = f", got {scheme[:20]!r}" if scheme else ""
        raise InvalidInput(f"the URL must begin with https:// or http://{beginning}; {FORM}")
    if "@" in _authority(text) or url.raw_user is not None or url.raw_password is not None:
        raise InvalidInput(f"the URL must name no user and no password, which would end in logs; {FORM}")
    if not host or not host.isascii() or port is None:
        raise InvalidInput(f"the URL has no host; {FORM}")
    if host.endswith(".") and not host.endswith(".."):
        host = host[:-1]
        url = url.with_host(host)
    return Target(url, host, port)


def _authority(text: str) -> str:
    rest = text.partition("//")[2]
    return min((rest.partition(mark)[0] for mark in "/?#"), key=len)


def _host_and_port(target: Target) -> str:
    return f"[{target.host}]:{target.port}" if ":" in target.host else f"{target.host}:{target.port}"

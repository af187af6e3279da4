"""What a database URL may say: PostgreSQL's own form (libpq), each parameter of which works or is refused by name.

The driver knows most of them. The others it would hand to the server as settings, whose answer ("unrecognized
configuration parameter") misleads; so they are left out where they ask for what is so anyway, and refused elsewhere.
A refusal is a ValueError, read after "the database URL": it never repeats what may be a piece of a password.
"""

import configparser
import os
import re
import ssl
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

APPLICATION = "jobrunner"
FORM = (
    "must be like postgresql://user:password@host:5432/database, with /, ?, # and @ in a password "
    "percent-encoded (%2F, %3F, %23, %40)"
)
_HOST = r"(\[[^\[\]]+\]|[^:,@\[\]]+)(:\d+)?"

KNOWN = frozenset(
    {"application_name", "connect_timeout", "database", "dbname", "fallback_application_name", "gsslib", "host"}
    | {"krbsrvname", "options", "passfile", "password", "port", "service", "ssl", "ssl_max_protocol_version"}
    | {"ssl_min_protocol_version", "sslcert", "sslcrl", "sslkey", "sslmode", "sslnegotiation", "sslpassword"}
    | {"sslrootcert", "target_session_attrs", "user"}
)
"""Parameters that work. Any other name that is not refused below is a setting of the server (`statement_timeout`)."""

WORDS = {
    "sslmode": ("disable", "allow", "prefer", "require", "verify-ca", "verify-full"),
    "sslnegotiation": ("postgres", "direct"),
    "ssl_min_protocol_version": ("TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"),
    "ssl_max_protocol_version": ("TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"),
    "target_session_attrs": ("any", "primary", "read-write"),
    "gsslib": ("gssapi", "sspi"),
    "ssl": ("true",),
}
"""What those that take a word may be. A jobrunner writes, so no parameter leads it to a standby."""

FILES = ("passfile", "sslcert", "sslkey", "sslrootcert", "sslcrl")

NEEDLESS = {
    "channel_binding": ("disable", "prefer"),
    "client_encoding": ("utf8", "utf-8", "auto"),
    "gssdelegation": ("0",),
    "gssencmode": ("disable", "prefer"),
    "keepalives": ("1",),
    "load_balance_hosts": ("disable",),
    "max_protocol_version": ("3.0", "3.2", "latest"),
    "min_protocol_version": ("3.0",),
    "replication": ("0", "false", "off", "no"),
    "requiressl": ("0",),
    "sslcertmode": ("allow",),
    "sslcompression": ("0",),
    "sslsni": ("1",),
}
"""Parameters that the driver does not know, with the values that ask for what it does anyway."""

SILENCE = "leave it out: a silent server is noticed by JOBRUNNER_STATEMENT_TIMEOUT"
HINTS = {
    "channel_binding": "leave it out: sslmode=verify-full proves that it is the right server",
    "hostaddr": "write the address as the host",
    "keepalives_count": SILENCE,
    "keepalives_idle": SILENCE,
    "keepalives_interval": SILENCE,
    "load_balance_hosts": "leave it out: hosts are tried in their order",
    "servicefile": "name the file in PGSERVICEFILE",
    "tcp_user_timeout": SILENCE,
}
UNKNOWN_TO_THE_DRIVER = frozenset(
    {"oauth_client_id", "oauth_client_secret", "oauth_issuer", "oauth_scope", "require_auth", "requirepeer"}
    | {"scram_client_key", "scram_server_key", "sslcrldir", "sslkeylogfile"}
)
"""Those that are refused whatever their value, and need no better hint than to leave them out."""

LIBPQ = KNOWN | NEEDLESS.keys() | HINTS.keys() | UNKNOWN_TO_THE_DRIVER
"""The names of all parameters, to find the nearest to a misspelt one."""


@dataclass(frozen=True, slots=True)
class DatabaseUrl:
    """A URL as it is used."""

    driver_url: str
    """For the driver; hosts and ports are given beside it."""
    hosts: tuple[tuple[str, int | None], ...]
    """Host names, addresses or folders of sockets, each with its port if one is given; none for the driver's default.

    Each is tried with a time limit of its own, so that a dead one in front does not hide those behind it.
    """
    application: str
    """The first word of what connections are called in pg_stat_activity."""
    connect_timeout: float | None
    """Seconds that one host may take to answer, where the URL says so."""


def read(url: str) -> DatabaseUrl:
    """Return what a URL says; ValueError with the reason when it cannot be used."""
    parts = _split(url)
    given: dict[str, str] = {}
    kept: dict[str, str] = {}
    for piece in filter(None, parts.query.split("&")):
        name, value = _parameter(piece)
        if name in NEEDLESS and value.lower() in NEEDLESS[name]:
            continue
        if name in NEEDLESS or name in HINTS or name in UNKNOWN_TO_THE_DRIVER:
            hint = HINTS.get(name, "leave it out")
            raise ValueError(f"asks for {name} in a way that the database driver does not know; {hint}")
        if name in WORDS and value not in WORDS[name]:
            *others, last = WORDS[name]
            wanted = f"{', '.join(others)} or {last}" if others else last
            raise ValueError(f"has a wrong {name}: it must be {wanted}")
        given[name] = value
        kept[name] = piece  # of a name that is given twice the last counts, as in libpq
    if "ssl" in kept:  # what other programs write for it; libpq takes it too
        del kept["ssl"]
        kept.setdefault("sslmode", "sslmode=require")
    if given.get("sslrootcert") == "system":
        kept |= _certificates_of_the_system(given)
        del given["sslrootcert"]
    for name in FILES:
        if name in given:
            _check_file(name, given[name])
    if "service" in given:
        _check_service(given["service"])
    hosts = _hosts(parts, given)
    if len(hosts) > 1:  # after a failover only the driver's look at each server finds the one that takes writes
        kept.setdefault("target_session_attrs", "target_session_attrs=read-write")
    for name in ("host", "port", "connect_timeout", "fallback_application_name"):
        kept.pop(name, None)
    user = "".join(parts.netloc.rpartition("@")[:2])
    return DatabaseUrl(
        driver_url=f"postgresql://{user}{parts.path}?{'&'.join(kept.values())}".removesuffix("?"),
        hosts=hosts,
        application=given.get("application_name") or given.get("fallback_application_name") or APPLICATION,
        connect_timeout=_seconds(given.get("connect_timeout")),
    )


def _split(url: str) -> SplitResult:
    if not url.startswith(("postgresql://", "postgres://")):
        raise ValueError("must begin with postgresql:// (postgresql://user:password@host:5432/database)")
    if not url.isprintable() or " " in url:
        raise ValueError("must not contain blanks or control characters; write them percent-encoded (%20)")
    try:
        parts = urlsplit(url)
    except ValueError:
        raise ValueError(FORM) from None
    user, _, hosts = parts.netloc.rpartition("@")
    if not re.fullmatch(f"({_HOST}(,{_HOST})*)?", hosts) or "@" in user + parts.path or parts.fragment:
        raise ValueError(FORM)
    return parts


def _parameter(piece: str) -> tuple[str, str]:
    pairs = parse_qsl(piece, keep_blank_values=True)
    name, value = pairs[0] if len(pairs) == 1 else ("", "")
    if not re.fullmatch(r"[A-Za-z_][\w.]*", name):
        raise ValueError(FORM)  # it may be a piece of a password
    if not value:
        raise ValueError(f"has a parameter {name} without a value: write {name}=VALUE, or leave it out")
    return name, value


def _hosts(parts: SplitResult, given: dict[str, str]) -> tuple[tuple[str, int | None], ...]:
    """Return each host with its port. As in libpq a parameter goes before what stands in front of the path."""
    before_path = parts.netloc.rpartition("@")[2]
    names: list[str] = []
    ports: list[str] = []
    for host in given.get("host", before_path).split(","):
        bare = host.startswith("/") or ("host" in given and host.count(":") > 1 and not host.startswith("["))
        found = None if bare else re.fullmatch(r"(\[[^\]]+\]|[^:]*)(?::(\d+))?", host)
        name, port = (host, None) if found is None else (found[1].removeprefix("[").removesuffix("]"), found[2])
        names.append(name if "host" in given else unquote(name))
        ports.append(port or "")
    if "port" in given:
        said = given["port"].split(",")
        if len(said) not in (1, len(names)):
            raise ValueError(f"has {len(said)} ports for {len(names)} hosts: give one for all, or one for each")
        ports = said * len(names) if len(said) == 1 else said
    for port in ports:
        if port and not (port.isdecimal() and 1 <= int(port) <= 65535):
            raise ValueError("has a wrong port: it must be a number from 1 to 65535")
    if names == [""]:
        return (("", int(ports[0])),) if ports[0] else ()
    if "" in names:
        raise ValueError("has an empty name in its list of hosts")
    return tuple((name, int(port) if port else None) for name, port in zip(names, ports, strict=True))


def _seconds(text: str | None) -> float | None:
    if text is None:
        return None
    if not re.fullmatch(r"-?\d+", text):
        raise ValueError("has a wrong connect_timeout: it must be a whole number of seconds")
    return float(text) if int(text) > 0 else None


def _check_file(name: str, path: str) -> None:
    try:
        with open(path, "rb"):
            pass
    except OSError as error:
        raise ValueError(f"has {name}={path}, which cannot be read ({error.strerror})") from None


def _check_service(service: str) -> None:
    """Refuse a service that is not defined; the driver would go to its default server without a word."""
    file = Path(os.environ.get("PGSERVICEFILE") or Path.home() / ".pg_service.conf")
    services = configparser.ConfigParser(interpolation=None)
    try:
        services.read(file)
    except configparser.Error as error:
        raise ValueError(f"names a service, but {file} cannot be read: {str(error).splitlines()[0]}") from None
    if service not in services.sections():
        raise ValueError(f"names the service {service}, which {file} does not define")


def _certificates_of_the_system(given: dict[str, str]) -> dict[str, str]:
    """Return the parameters that stand for `sslrootcert=system`, which the driver does not know."""
    file = ssl.get_default_verify_paths().cafile
    if given.setdefault("sslmode", "verify-full") != "verify-full":
        raise ValueError("has sslrootcert=system, which needs sslmode=verify-full")
    if file is None:
        raise ValueError("has sslrootcert=system, but this machine's certificates are not in one file: name the file")
    return {"sslrootcert": f"sslrootcert={file}", "sslmode": "sslmode=verify-full"}

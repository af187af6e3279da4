"""Configuration: what is read once, at start, from options, the environment and a TOML file.

Of several sources the first that names a key wins, key by key: options of the command line, environment
(`JOBRUNNER_LEASE`, nested `JOBRUNNER_SMTP__PORT`), file (`lease`, table `[smtp]`), default. The file is the
one that `--config` or `JOBRUNNER_CONFIG` names, else `./jobrunner.toml`, else `/etc/jobrunner.toml`.

A key of the file that is no setting is refused; a left-over `JOBRUNNER_…` name in the environment is only
pointed out, for a roll-back must not fail on a newer release's names. What the administrator changes while
the daemon runs are the job settings in the database, not these.

Importing this module loads pydantic (0.2 s): import it inside the functions that need it.
"""

import logging
import os
import re
import socket
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin
from urllib.parse import unquote, urlsplit

from annotated_types import Ge, Le
from pydantic import AfterValidator, BaseModel, BeforeValidator, Field, SecretStr, ValidationError, model_validator
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from jobrunner.errors import ConfigurationError

logger = logging.getLogger(__name__)

PREFIX = "JOBRUNNER_"
NOT_SETTINGS = r"JOBRUNNER_(DEBUG|TEST_.*|LONG.*)"
"""Names of the environment that are ours without being a setting; the last two are of this project's tests."""
EXTERNAL_NAMES = {"imports": "import", "config_file": "config"}
"""Settings that are called otherwise outside, where the outer name cannot be one in Python."""


# What may stand in a field


def _split(value: object) -> object:
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


def _module_names(names: list[str]) -> list[str]:
    for name in names:
        if not all(part.isidentifier() for part in name.split(".")):
            raise ValueError("must name Python modules, separated by commas")
    return names


def _queue_names(names: list[str]) -> list[str]:
    if not names:
        raise ValueError("must name at least one queue; leave it out for all")
    for name in names:
        if not name.isprintable() or not name.strip():
            raise ValueError("must name queues, separated by commas")
    return names


def _database_url(url: SecretStr) -> SecretStr:
    text = url.get_secret_value()
    if not text.startswith(("postgresql://", "postgres://")):
        raise ValueError("must begin with postgresql:// (postgresql://user:password@host:5432/database)")
    if not text.isprintable() or " " in text:
        raise ValueError("must not contain blanks or control characters; write them percent-encoded (%20)")
    try:
        parts = urlsplit(text)
        hosts = parts.netloc.rpartition("@")[2]
        usable = bool(re.fullmatch(f"({_HOST}(,{_HOST})*)?", hosts)) and "@" not in parts.path + parts.fragment
    except ValueError:
        usable = False
    if not usable:
        raise ValueError(
            "must be like postgresql://user:password@host:5432/database, with /, ?, # and @ in a password "
            "percent-encoded (%2F, %3F, %23, %40)"
        )
    return url


_HOST = r"(\[[^\[\]]+\]|[^:,@\[\]]+)(:\d+)?"


def _site_url(url: str) -> str:
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and bool(parts.hostname)
    except ValueError:
        usable = False
    if not usable or not url.isprintable() or " " in url:
        raise ValueError("must be an address that begins with http:// or https://")
    return url.rstrip("/")


def _one_line(text: str) -> str:
    if not text.isprintable():
        raise ValueError("must be one line without control characters")
    return text


def _lower(value: object) -> object:
    return value.lower() if isinstance(value, str) else value


def _absolute(path: Path) -> Path:
    return path.expanduser().absolute()


Seconds = Annotated[float, Field(allow_inf_nan=False)]
DatabaseUrl = Annotated[SecretStr, AfterValidator(_database_url)]
Folder = Annotated[Path, AfterValidator(_absolute)]
Line = Annotated[str, AfterValidator(_one_line)]
Word = BeforeValidator(_lower)
Names = Annotated[list[str], BeforeValidator(_split)]


def default_data_dir() -> Path:
    """Return where the embedded server keeps its data: for root not below a home, which others cannot enter."""
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        return Path("/var/lib/jobrunner")
    base = Path(os.environ.get("XDG_DATA_HOME", ""))
    return (base if base.is_absolute() else Path.home() / ".local" / "share") / "jobrunner"


# The settings


class Smtp(BaseModel):
    """The mail server that outgoing mail is handed to. A server's certificate is always checked."""

    model_config = {"extra": "forbid", "frozen": True, "hide_input_in_errors": True}

    host: Annotated[Line | None, Field(description="Mail server; without it no mail is sent.")] = None
    port: Annotated[int, Field(ge=1, le=65535, description="Its port.")] = 587
    security: Annotated[
        Literal["tls", "ssl", "none"],
        Word,
        Field(
            description="`tls`: STARTTLS, and nothing is sent without it; `ssl`: TLS from the first byte; "
            "`none`: in clear, and no login."
        ),
    ] = "tls"
    username: Annotated[Line | None, Field(description="Account to log in with; without it no login.")] = None
    password: Annotated[SecretStr | None, Field(description="Its password.")] = None
    from_address: Annotated[Line | None, Field(description="Sender's address of the system's mails.")] = None
    from_name: Annotated[Line, Field(description="Sender's name of the system's mails.")] = ""
    local_hostname: Annotated[
        Line | None, Field(description="Name given to the server in EHLO; this machine's if not set.")
    ] = None
    timeout_connect: Annotated[Seconds, Field(ge=0.1, le=600, description="Seconds to wait for the connection.")] = 30.0
    timeout_command: Annotated[
        Seconds, Field(ge=0.1, le=3600, description="Seconds to wait for the answer to a command.")
    ] = 60.0
    timeout_data: Annotated[
        Seconds, Field(ge=0.1, le=3600, description="Seconds to wait for the answer to a whole message.")
    ] = 600.0

    @model_validator(mode="after")
    def _belong_together(self) -> "Smtp":
        if self.password is not None and self.username is None:
            raise ValueError("SMTP__PASSWORD needs {prefix}SMTP__USERNAME beside it")
        if self.username is not None and self.security == "none":
            raise ValueError("SMTP__USERNAME needs {prefix}SMTP__SECURITY tls or ssl: no password goes in clear")
        return self


class Configuration(BaseSettings):
    """Every setting, typed and ranged. `Configuration(lease=2)` reads environment and file for the rest.

    Use `load`, which says what is wrong in one sentence.
    """

    model_config = SettingsConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    config_file: Annotated[
        Folder | None,
        Field(description="The TOML file with settings; else ./jobrunner.toml, else /etc/jobrunner.toml."),
    ] = None
    database_url: Annotated[
        DatabaseUrl | None,
        Field(description="PostgreSQL 14 or newer, `postgresql://…`; without it the embedded server starts."),
    ] = None
    database_url_direct: Annotated[
        DatabaseUrl | None,
        Field(
            description="The same database without a pooler between, for LISTEN and locks; "
            "needed only where the first is a pooler."
        ),
    ] = None
    data_dir: Annotated[
        Folder,
        Field(
            default_factory=default_data_dir,
            description="Where the embedded server lives. Default: /var/lib/jobrunner for root, else "
            "~/.local/share/jobrunner.",
        ),
    ]
    imports: Annotated[
        Names, AfterValidator(_module_names), Field(description="Modules with job definitions to import.")
    ] = []
    queues: Annotated[
        Annotated[Names, AfterValidator(_queue_names)] | None,
        Field(description="The queues that this daemon takes jobs from; all if not set."),
    ] = None
    migrate_on_start: Annotated[
        bool, Field(description="Whether the daemon brings the tables up to date when it starts.")
    ] = True
    lease: Annotated[
        Seconds,
        Field(
            ge=0.5,
            le=3600,
            description="Seconds that a claim of jobs lives without a sign from its daemon; then others take over.",
        ),
    ] = 30.0
    heartbeat_interval: Annotated[
        Seconds,
        Field(
            default_factory=lambda data: data.get("lease", 30.0) / 3,
            ge=0.05,
            le=1800,
            description="Seconds between two signs of life. Default: a third of the lease; at most half of it.",
        ),
    ]
    sweep_interval: Annotated[
        Seconds,
        Field(ge=0.05, le=3600, description="Seconds between two looks for claims whose lease ran out."),
    ] = 5.0
    grace: Annotated[
        Seconds,
        Field(
            ge=0,
            le=3600,
            description="Seconds that running jobs may go on after the daemon was asked to stop; "
            "then they are cancelled and returned to Pending.",
        ),
    ] = 30.0
    statement_timeout: Annotated[
        Seconds,
        Field(ge=0.1, le=3600, description="Seconds after which a statement of the daemon is given up."),
    ] = 30.0
    pool_size: Annotated[
        int, Field(ge=1, le=200, description="Most connections in the pool that jobs and commands share.")
    ] = 10
    max_running: Annotated[
        int, Field(ge=1, le=100_000, description="Most jobs that this daemon holds at the same time.")
    ] = 1000
    log_level: Annotated[
        Literal["debug", "info", "warning", "error"], Word, Field(description="The least that is logged.")
    ] = "info"
    log_format: Annotated[
        Literal["text", "json"], Word, Field(description="Log lines for people, or one JSON object a line.")
    ] = "text"
    daemon_name: Annotated[
        Line,
        Field(
            default_factory=socket.gethostname,
            min_length=1,
            max_length=200,
            description="Name of this daemon in lists and logs. Default: the name of the machine.",
        ),
    ]
    site_url: Annotated[
        str,
        AfterValidator(_site_url),
        Field(description="Address of the application, for links to records in mails."),
    ] = "http://localhost"
    smtp: Annotated[Smtp, Field(description="The mail server that outgoing mail is handed to.")] = Smtp()

    origins: Annotated[dict[str, str], Field(exclude=True, repr=False)] = {}
    """For each dotted key that a source gave: which ("option", "environment" or "file PATH"). No setting."""

    @model_validator(mode="after")
    def _belong_together(self) -> "Configuration":
        if self.heartbeat_interval > self.lease / 2:
            raise ValueError(
                f"HEARTBEAT_INTERVAL must be at most half of {{prefix}}LEASE ({self.lease:g} s), "
                f"got {self.heartbeat_interval:g}"
            )
        return self

    @property
    def direct_url(self) -> SecretStr | None:
        """The URL for connections that hold something (LISTEN, locks): the direct one if there is one."""
        return self.database_url_direct or self.database_url

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Put options before environment before file."""
        options = dict(init_settings())
        environment = read_environment(os.environ)
        named = options.get("config_file") or environment.get("config_file")
        file = find_file(named)
        return (
            _Layer(settings_cls, "option", options),
            _Layer(settings_cls, "environment", environment),
            _Layer(settings_cls, f"file {file}", {} if file is None else read_file(file)),
        )


class _Layer(PydanticBaseSettingsSource):
    """One source: its values by field, and for each key that it is the one that gave it."""

    def __init__(self, settings_cls: type[BaseSettings], origin: str, values: dict[str, Any]) -> None:
        super().__init__(settings_cls)
        self.values = values
        self.origin = origin

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        return self.values.get(field_name), field_name, False

    def __call__(self) -> dict[str, Any]:
        keys: dict[str, str] = {}
        for name, value in self.values.items():
            if isinstance(value, Mapping):
                keys |= {f"{name}.{inner}": self.origin for inner in value}
            else:
                keys[name] = self.origin
        return {**self.values, "origins": keys}


# The sources


@dataclass(frozen=True)
class Setting:
    """One setting as a user meets it."""

    path: tuple[str, ...]
    """Its fields in Python: ("lease",) or ("smtp", "port")."""
    field: FieldInfo

    @property
    def key(self) -> str:
        """Its name in the file: `lease`, `smtp.port`."""
        return ".".join(EXTERNAL_NAMES.get(part, part) for part in self.path)

    @property
    def name(self) -> str:
        """Its name in the environment: `JOBRUNNER_LEASE`, `JOBRUNNER_SMTP__PORT`."""
        return PREFIX + self.key.replace(".", "__").upper()

    @property
    def secret(self) -> bool:
        """Whether its value must not be shown as it is."""
        return SecretStr in _types(self.field.annotation)

    @property
    def description(self) -> str:
        """What it means, with its unit."""
        return self.field.description or ""

    @property
    def allowed(self) -> str:
        """What it may hold, to be read after "must be"."""
        return _allowed(self.field)

    @property
    def default(self) -> str | None:
        """The default as one would write it; None where it depends on the machine or is not set."""
        if self.field.default_factory is not None or self.field.default in (None, "", []):
            return None
        return as_text(self.field.default)


def settings() -> Iterator[Setting]:
    """Yield every setting in the order of the documentation."""
    for name, field in Configuration.model_fields.items():
        if name == "origins":
            continue
        if field.annotation is Smtp:
            for inner, inner_field in Smtp.model_fields.items():
                yield Setting((name, inner), inner_field)
        else:
            yield Setting((name,), field)


def read_environment(environment: Mapping[str, str]) -> dict[str, Any]:
    """Return the values that the environment gives, by field. An empty variable counts as not set."""
    values: dict[str, Any] = {}
    upper = {name.upper(): value for name, value in environment.items()}
    for setting in settings():
        if value := upper.get(setting.name):
            _place(values, setting.path, value)
    return values


def unknown_names(environment: Mapping[str, str]) -> list[str]:
    """Return a sentence for each name in the environment that looks like ours and is none."""
    known = {setting.name for setting in settings()}
    return [
        _unknown(name, name.upper(), known)
        for name in sorted(environment)
        if name.upper().startswith(PREFIX)
        and name.upper() not in known
        and not re.fullmatch(f"{NOT_SETTINGS}|{_SERVICE_LINK}", name)
    ]


def _unknown(shown: str, name: str, known: Iterable[str]) -> str:
    bare = {candidate.removeprefix(PREFIX): candidate for candidate in known}  # the prefix makes all alike
    close = get_close_matches(name.removeprefix(PREFIX), bare, n=1, cutoff=0.6)
    hint = f"did you mean {bare[close[0]]}?" if close else "`jobrunner config show` lists them"
    return f"{shown} is not a setting of jobrunner; {hint}"


_SERVICE_LINK = r"JOBRUNNER(_.*)?_(SERVICE_(HOST|PORT(_.*)?)|PORT(_\d+_(TCP|UDP)(_(PROTO|PORT|ADDR))?)?)"
"""What Kubernetes and Docker put into containers beside a service that is called jobrunner."""


def find_file(named: str | Path | None) -> Path | None:
    """Return the file to read: the named one, which must exist, else the first of the usual places."""
    if named is not None:
        return _absolute(Path(named))
    for candidate in (Path("jobrunner.toml"), Path("/etc/jobrunner.toml")):
        if candidate.is_file():
            return candidate.absolute()
    return None


def read_file(path: Path) -> dict[str, Any]:
    """Return the values that the file gives, by field; an unknown key raises ConfigurationError."""
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigurationError(f"the configuration file {path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigurationError(f"the configuration file {path} is not UTF-8 text") from None
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"the configuration file {path} is not TOML: {error}") from None
    by_key = {setting.key: setting for setting in settings() if setting.path != ("config_file",)}
    tables = {key.split(".")[0] for key in by_key if "." in key}
    values: dict[str, Any] = {"config_file": path}
    for key, value in _flat(content, tables):
        if key not in by_key:
            raise ConfigurationError(_unknown(f"{key!r} in {path}", key, by_key))
        _place(values, by_key[key].path, value)
    return values


def _flat(content: Mapping[str, Any], tables: set[str]) -> Iterator[tuple[str, Any]]:
    for name, value in content.items():
        if name in tables and isinstance(value, Mapping):
            yield from ((f"{name}.{inner}", inner_value) for inner, inner_value in value.items())
        else:
            yield name, value


def _place(values: dict[str, Any], path: tuple[str, ...], value: Any) -> None:
    for part in path[:-1]:
        values = values.setdefault(part, {})
    values[path[-1]] = value


# Loading


def load(**options: Any) -> Configuration:
    """Return the configuration; `options` (by Python name, None for not given) go before all other sources.

    Raises ConfigurationError with one sentence. What only looks like a setting is logged as a warning.
    """
    given = {name: value for name, value in options.items() if value is not None}
    try:
        configuration = Configuration(**given)
    except ValidationError as error:
        raise ConfigurationError(_sentence(error, given)) from None  # the cause would show what was given
    for warning in unknown_names(os.environ):
        logger.warning(warning)
    return configuration


def _sentence(error: ValidationError, options: Mapping[str, Any]) -> str:
    first = error.errors(include_url=False)[0]
    cause = first.get("ctx", {}).get("error")
    path = tuple(part for part in first["loc"] if isinstance(part, str))
    setting = next((s for s in settings() if s.path == path[: len(s.path)]), None)
    if setting is None:
        if cause is not None:
            return PREFIX + str(cause).format(prefix=PREFIX)
        name = ".".join(path)
        return _unknown(repr(name), name, (".".join(s.path) for s in settings()))
    name = setting.name
    if setting.path[0] not in options and setting.name not in os.environ:
        name += f" ({setting.key} in {find_file(options.get('config_file') or os.environ.get(PREFIX + 'CONFIG'))})"
    wanted = str(cause) if cause is not None else f"must be {setting.allowed}"
    if setting.secret:
        return f"{name} {wanted}"
    value = first["input"]
    if isinstance(value, str) and "://" in value:
        value = _mask_one(value)  # as one URL, also where a blank in it would end it
    return f"{name} {wanted}, got {mask_url(repr(value))[:200]}"


# Showing


@dataclass(frozen=True)
class Row:
    """One setting with its value as `config show` prints it."""

    name: str
    value: str | float | bool | list[str] | None
    """With secrets masked."""
    source: str
    """"option", "environment", "file PATH" or "default"."""
    description: str


def describe(configuration: Configuration) -> list[Row]:
    """Return every setting with its value, secrets masked, and where the value comes from."""
    rows = []
    for setting in settings():
        value: Any = configuration
        for part in setting.path:
            value = getattr(value, part)
        source = configuration.origins.get(".".join(setting.path), "default")
        rows.append(Row(setting.name, _masked(value), source, setting.description))
    return rows


def _masked(value: Any) -> Any:
    if isinstance(value, SecretStr):
        text = value.get_secret_value()
        return mask_url(text) if "://" in text else "***"
    return mask_url(str(value)) if isinstance(value, str | Path) else value


def mask_url(text: str) -> str:
    """Return the text with the passwords of all URLs in it replaced by `***`.

    Rather too much than too little: everything between the first colon behind `://` and the last `@`.
    """
    return re.sub(r"[A-Za-z][\w+.-]*://\S+", lambda match: _mask_one(match[0]), text)


def _mask_one(url: str) -> str:
    masked = re.sub(r"://([^:]*):.*@", r"://\1:***@", url, flags=re.DOTALL)
    head, mark, query = masked.partition("?")
    return head + mark + "&".join(_mask_parameter(parameter) for parameter in query.split("&"))


def _mask_parameter(parameter: str) -> str:
    name, equals, _ = parameter.partition("=")
    secret = equals and re.search("pass|pwd|secret|token|key", unquote(name), re.IGNORECASE)
    return f"{name}=***" if secret else parameter


def as_text(value: Any) -> str:
    """Return a value as one would write it into the environment."""
    match value:
        case bool():
            return "true" if value else "false"
        case float() | int():
            return f"{value:g}" if isinstance(value, float) else str(value)
        case list():
            return ",".join(value)
        case _:
            return str(value)


def _types(annotation: Any) -> set[Any]:
    """Return the plain types in an annotation: for `Annotated[SecretStr, …] | None`, SecretStr and NoneType."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return _types(get_args(annotation)[0])
    if origin in (Union, UnionType):
        return set().union(*(_types(part) for part in get_args(annotation)))
    return {origin or annotation}


def _allowed(field: FieldInfo) -> str:
    types = _types(field.annotation) - {NoneType}
    if Literal in types:
        words = [str(word) for word in get_args(field.annotation)]
        return ", ".join(words[:-1]) + " or " + words[-1]
    if bool in types:
        return "true or false"
    for kind, noun in ((int, "a whole number"), (float, "a number")):
        if kind in types:
            low = next((bound.ge for bound in field.metadata if isinstance(bound, Ge)), None)
            high = next((bound.le for bound in field.metadata if isinstance(bound, Le)), None)
            return f"{noun} from {low} to {high}"
    if list in types:
        return "names separated by commas"
    if Path in types:
        return "a path"
    return "one line of text"

"""Every setting: its type, range, default and meaning. The documentation is made from this."""

import os
import socket
from typing import Annotated, Literal

from pydantic import BaseModel, Field, SecretStr, model_validator
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from jobrunner.config.catalogue import Setting, settings_of
from jobrunner.config.secret_key import SecretKey, SecretKeys
from jobrunner.config.sources import Layer, find_file, read_environment, read_file
from jobrunner.config.values import (
    DatabaseUrl,
    Folder,
    Line,
    ModuleNames,
    Networks,
    QueueNames,
    Seconds,
    SiteUrl,
    Whole,
    Word,
    default_data_dir,
)


class Smtp(BaseModel):
    """The mail server that outgoing mail is handed to. A server's certificate is always checked."""

    model_config = {"extra": "forbid", "frozen": True, "hide_input_in_errors": True}

    host: Annotated[Line | None, Field(description="Mail server; without it no mail is sent.")] = None
    port: Annotated[Whole, Field(ge=1, le=65535, description="Its port.")] = 587
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


class Http(BaseModel):
    """The daemon's HTTP server: the pages that links in mails lead to, popups, and the daemon's health."""

    model_config = {"extra": "forbid", "frozen": True, "hide_input_in_errors": True}

    enabled: Annotated[bool, Field(description="Whether this daemon answers HTTP requests.")] = True
    host: Annotated[
        Line,
        Field(
            min_length=1,
            description="Address that it listens on; from outside it is reached through a reverse proxy with TLS.",
        ),
    ] = "127.0.0.1"
    port: Annotated[
        Whole,
        Field(
            ge=0,
            le=65535,
            description="Its port; 0 for any that is free. Where the default is in use, the daemon goes on without and "
            "takes the port when it becomes free; one that was set must be free.",
        ),
    ] = 8150
    trusted_proxies: Annotated[
        Networks,
        Field(description="Reverse proxies whose X-Forwarded-For is believed: addresses or networks."),
    ] = []


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
    secret_key: Annotated[
        SecretKey | None,
        Field(
            description="Key that seals passwords in the database: 32 bytes in base64 (`jobrunner secrets new-key` "
            "makes one), the same for all who use the database. With the embedded server it is made in its data folder."
        ),
    ] = None
    secret_key_file: Annotated[
        Folder | None, Field(description="File with that key instead, and below it former keys, one a line.")
    ] = None
    secret_keys_former: Annotated[
        SecretKeys | None,
        Field(
            description="Keys that were the key before, with commas between them, until `jobrunner secrets rotate` "
            "is through."
        ),
    ] = None
    imports: Annotated[ModuleNames, Field(description="Modules with job definitions to import.")] = []
    queues: Annotated[
        QueueNames | None,
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
        Whole, Field(ge=1, le=200, description="Most connections in the pool that jobs and commands share.")
    ] = 10
    max_running: Annotated[
        Whole, Field(ge=1, le=100_000, description="Most jobs that this daemon holds at the same time.")
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
        SiteUrl,
        Field(description="Address of the application, for links to records in mails; not set, they have none."),
    ] = "http://localhost"
    http: Annotated[Http, Field(description="The daemon's HTTP server.")] = Http()
    smtp: Annotated[Smtp, Field(description="The mail server that outgoing mail is handed to.")] = Smtp()

    origins: Annotated[dict[str, str], Field(exclude=True, repr=False)] = {}
    """For each dotted key that a source gave: which ("option", "environment" or "file PATH"). No setting."""

    @property
    def given_site_url(self) -> str | None:
        """The `site_url` that somebody set; None for the default, which is no place for a reader of mails."""
        return self.site_url if "site_url" in self.model_fields_set else None

    @model_validator(mode="after")
    def _one_key(self) -> "Configuration":
        if self.secret_key is not None and self.secret_key_file is not None:
            raise ValueError("SECRET_KEY and {prefix}SECRET_KEY_FILE exclude each other")
        given = self.secret_key is not None or self.secret_key_file is not None
        if self.secret_keys_former is not None and not given and self.database_url is not None:
            raise ValueError("SECRET_KEYS_FORMER needs {prefix}SECRET_KEY beside it")
        return self

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
        catalogue = settings()
        environment = read_environment(catalogue, os.environ)
        named = options.get("config_file") or environment.get("config_file")
        file = find_file(named)
        return (
            Layer(settings_cls, "option", options),
            Layer(settings_cls, "environment", environment),
            Layer(settings_cls, f"file {file}", {} if file is None else read_file(catalogue, file)),
        )


def settings() -> list[Setting]:
    """Return every setting in the order of the documentation."""
    return list(settings_of(Configuration))

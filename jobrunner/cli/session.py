"""What a command needs to work: the configuration, and a database that answers."""

import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from jobrunner.cli import imports, options

if TYPE_CHECKING:
    from jobrunner.config import Configuration
    from jobrunner.definitions import Registry


@dataclass(frozen=True)
class Session:
    """For the length of one command."""

    configuration: "Configuration"
    dsn: str = field(repr=False)
    """URL of the database, with its password."""
    direct_dsn: str = field(repr=False)
    """The same for connections that hold something (LISTEN, session locks), past a pooler."""
    embedded: bool
    """Whether the database is the embedded server, which this session keeps running."""


def load_configuration(**own: object) -> "Configuration":
    """Return the configuration with the options of this command line on top; raises ConfigurationError.

    `own` are settings that options of the command itself give; None leaves one alone.
    """
    from jobrunner.config import load

    imports.check(options.given.imports)
    settings = {name: value for name, value in own.items() if value is not None}
    configuration = load(**options.given.as_settings() | settings)
    if configuration.imports:
        _import_from_here()
    return configuration


def load_jobs(configuration: "Configuration") -> "Registry":
    """Import the modules of jobs and return what this process knows then; what fails is a remark, the rest loads."""
    import logging

    from jobrunner.cli.output import note
    from jobrunner.definitions import registry

    told = logging.getLogger("jobrunner.definitions")
    told.disabled = True  # it would say the same without being asked
    try:
        registry.load(configuration.imports)
    finally:
        told.disabled = False
    for problem in registry.problems:
        note(f"Warning: {problem}")
    return registry


def _import_from_here() -> None:
    """Have modules of jobs found in the current folder, too: last, so that nothing installed is hidden by a file there.

    `python -m jobrunner` looks there anyway, the installed command does not.
    """
    try:
        here = os.getcwd()
    except OSError:  # the folder is gone
        return
    if not {"", here} & set(sys.path):
        sys.path.append(here)


@asynccontextmanager
async def session(configuration: "Configuration | None" = None, **own: object) -> AsyncIterator[Session]:
    """Load the configuration unless it is given, and find the database: the configured one, or the embedded server.

    The embedded server is started if it does not run, and left at the end; it stops when nobody else uses it.
    """
    if configuration is None:
        configuration = load_configuration(**own)
    url, direct = configuration.database_url, configuration.direct_url
    if url is not None and direct is not None:
        yield Session(
            configuration,
            dsn=url.get_secret_value(),
            direct_dsn=direct.get_secret_value(),
            embedded=False,
        )
        return
    from jobrunner.db.embedded import EmbeddedServer

    server = EmbeddedServer(configuration.data_dir)
    try:
        dsn = await server.start()
        yield Session(configuration, dsn=dsn, direct_dsn=dsn, embedded=True)
    finally:
        await server.stop()

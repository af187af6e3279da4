"""jobrunner: crontab schedules and a durable job queue on nothing but PostgreSQL.

What an application uses stands here; each name is loaded when it is first asked for, so that importing jobrunner alone
loads neither database nor validation code.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from jobrunner.definitions import Definition, JobContext, Target, job
    from jobrunner.errors import (
        ConfigurationError,
        Conflict,
        DatabaseUnavailable,
        InvalidInput,
        InvalidJobData,
        JobrunnerError,
        LeaseLost,
        LimitExceeded,
        NotFound,
        UnknownDefinition,
    )
    from jobrunner.queue.client import Client
    from jobrunner.queue.new_job import NewJob
    from jobrunner.queue.record import JobRecord
    from jobrunner.queue.sync_client import SyncClient

__all__ = [
    "Client",
    "ConfigurationError",
    "Conflict",
    "DatabaseUnavailable",
    "Definition",
    "InvalidInput",
    "InvalidJobData",
    "JobContext",
    "JobRecord",
    "JobrunnerError",
    "LeaseLost",
    "LimitExceeded",
    "NewJob",
    "NotFound",
    "SyncClient",
    "Target",
    "UnknownDefinition",
    "job",
]

_HOMES = {
    "Client": "jobrunner.queue.client",
    "Definition": "jobrunner.definitions",
    "JobContext": "jobrunner.definitions",
    "JobRecord": "jobrunner.queue.record",
    "NewJob": "jobrunner.queue.new_job",
    "SyncClient": "jobrunner.queue.sync_client",
    "Target": "jobrunner.definitions",
    "job": "jobrunner.definitions",
}
"""Where each name lives; what is not named here is an error."""


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(_HOMES.get(name, "jobrunner.errors")), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})

"""How a long-running command speaks: lines on standard error, as text or as JSON."""

import json
import logging
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from jobrunner.cli.control_characters import clean
from jobrunner.cli.log_writer import LogWriter
from jobrunner.errors import JobrunnerError
from jobrunner.unforeseen import OURS, is_debugging, place

if TYPE_CHECKING:
    from jobrunner.config import Configuration

QUIET = ("apscheduler", "alembic", "sqlalchemy", "asyncio")
"""Loggers of what we build on: only their warnings are worth a line."""
FAULTS_OF_OURS = ("asyncio", "concurrent")
"""Loggers that tell what nobody caught."""
MORE = "JOBRUNNER_DEBUG=1 shows the traceback"


def set_up_logging(configuration: "Configuration") -> None:
    """Send log lines to standard error at the configured level and in the configured form."""
    from jobrunner.execution.scrub import scrubber

    logging.raiseExceptions = False  # a reader that went away must not end the daemon, nor flood what is left (F46)
    handler = LogWriter()
    scrub = scrubber(configuration)
    handler.setFormatter(Json(scrub) if configuration.log_format == "json" else Text(scrub))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    level = configuration.log_level.upper()
    root.setLevel(level)
    handler.setLevel(level)  # jobs log from INFO on whatever it is, for their own logs
    for name in QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)


def calm_last_resort() -> None:
    """Have records of a command that sets up no log written as one line each."""
    if logging.lastResort is not None:
        logging.lastResort.setFormatter(Plain())


class Plain(logging.Formatter):
    """The message alone."""

    def format(self, record: logging.LogRecord) -> str:
        """One line, with a traceback where one is wanted."""
        from jobrunner.config import mask_url

        text = _with_its_cause(self, record, record.getMessage())
        return "\n".join(clean(line) for line in mask_url(text).split("\n"))


class Text(logging.Formatter):
    """Time, level, message; the job that speaks where there is one."""

    def __init__(self, scrub: Callable[[str], str]) -> None:
        super().__init__()
        self._scrub = scrub

    def format(self, record: logging.LogRecord) -> str:
        """One line, and the traceback that belongs to it, where the code of a job wrote it or a person debugs."""
        at = datetime.fromtimestamp(record.created).astimezone()
        text = f"{at:%H:%M:%S}.{int(record.msecs):03d} {record.levelname:<7} "
        text += _with_its_cause(self, record, _message(record))
        return "\n".join(clean(line) for line in self._scrub(text).split("\n"))


class Json(logging.Formatter):
    """One JSON object a line."""

    def __init__(self, scrub: Callable[[str], str]) -> None:
        super().__init__()
        self._scrub = scrub

    def format(self, record: logging.LogRecord) -> str:
        """The line, with the job and attempt it belongs to."""
        entry: dict[str, object] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": self._scrub(record.getMessage()),  # here, since JSON may write a secret otherwise
            **_job(record),
        }
        if record.exc_info:
            entry["traceback"] = self._scrub(self.formatException(record.exc_info))
        return json.dumps(entry, ensure_ascii=False)


def _job(record: logging.LogRecord) -> dict[str, object]:
    from jobrunner.execution.attempt import current_attempt

    attempt = current_attempt.get(None)
    if attempt is None:
        return {}
    return {"job": attempt.job_id, "name": attempt.definition.name, "attempt": attempt.number}


def _message(record: logging.LogRecord) -> str:
    job = _job(record) if record.name.startswith("jobrunner.job") or not record.name.startswith("jobrunner") else {}
    return f"[{job['name']} {job['job']}] {record.getMessage()}" if job else record.getMessage()


def _with_its_cause(formatter: logging.Formatter, record: logging.LogRecord, message: str) -> str:
    """Return the message with what its record knows of an error: where it was, or the whole traceback."""
    if not record.exc_info:
        return message
    kind, error, traceback = record.exc_info
    ours = Path(record.pathname).is_relative_to(OURS) or record.name.partition(".")[0] in FAULTS_OF_OURS
    if is_debugging() or not ours or kind is None:
        return f"{message}\n{formatter.formatException(record.exc_info)}"
    first = message.partition("\n")[0]  # asyncio goes on with all that a task or callback is
    words = " ".join(str(error).split())
    if isinstance(error, JobrunnerError):
        return first if words in first else f"{first}: {words}"
    known = [kind.__name__ if not words or words in first else f"{kind.__name__}: {words}", place(traceback)]
    return f"{first} ({' at '.join(filter(None, known))}; {MORE})"

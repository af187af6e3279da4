"""The log of jobs that run in the daemon's own process."""

import logging

from jobrunner.execution.attempt import current_attempt
from jobrunner.execution.loglines import MESSAGE_LIMIT, LogLine
from jobrunner.execution.outcome import shortened


class LogCapture(logging.Handler):
    """Gives each log record to the attempt on whose behalf it was written."""

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the record; costs nothing for records of no job."""
        attempt = current_attempt.get(None)
        if attempt is None:
            return
        try:
            message = self.format(record)
        except Exception as error:  # a job's faulty log call must not end the job
            message = f"{record.msg!r} (its arguments do not fit: {error})"
        attempt.keep([LogLine(record.created, record.levelno, record.name, shortened(message, MESSAGE_LIMIT))])

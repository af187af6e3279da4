"""What may be wrong with a template, and what may go wrong while it is filled."""

from jobrunner.errors import InvalidInput, JobrunnerError


class InvalidTemplate(InvalidInput):
    """The template itself is refused; the sentence names the line where it can."""


class RenderingFailed(JobrunnerError):
    """One mail could not be written from its template; others can."""

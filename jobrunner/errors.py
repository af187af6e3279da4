"""Every error that jobrunner raises on purpose: one short tree, each message a sentence for the user.

JobrunnerError
├── ConfigurationError      a setting from the environment or the file is wrong
├── InvalidInput            something a person or program gave is refused at entry
│   ├── CrontabError        a crontab expression (in `jobrunner.crontab`)
│   ├── UnknownDefinition   no job definition of that name
│   └── InvalidJobData      data that PostgreSQL or the job cannot hold
├── NotFound                no record with that id or name
├── Conflict                the record is not in a state that allows this
├── DatabaseUnavailable     PostgreSQL cannot be reached, started or used
├── LimitExceeded           a named limit of ours ran out
└── LeaseLost               the claim of the running job was taken back; its writes change nothing

The message says what is wrong and how to put it right; it never contains a secret. A few parts have errors of their
own below the root, which stay inside or end as one of these.
"""

from collections.abc import Iterable
from difflib import get_close_matches


class JobrunnerError(Exception):
    """Root of the tree. `str(error)` is one sentence that may be shown to a user as it is."""


class ConfigurationError(JobrunnerError):
    """A configuration value is missing, misspelt or out of range."""


class InvalidInput(JobrunnerError):
    """Refused at entry, nothing was written. The command line exits with 2."""


class UnknownDefinition(InvalidInput):
    """No job definition has that name; the message offers the nearest ones."""

    def __init__(self, name: str, known: Iterable[str]) -> None:
        self.name = name
        super().__init__(f"no job is named {name!r}{nearest(name, known)}")


class InvalidJobData(InvalidInput):
    """A job's data or options cannot be held; in bulk, `index` is the place of the refused job (from 0)."""

    def __init__(self, message: str, index: int | None = None) -> None:
        self.index = index
        super().__init__(message if index is None else f"job {index}: {message}")


class NotFound(JobrunnerError):
    """No record with that id or name. The command line exits with 2."""


class Conflict(JobrunnerError):
    """The record is in a state that does not allow the action (cancelling what is finished, say)."""


class DatabaseUnavailable(JobrunnerError):
    """PostgreSQL cannot be reached, started or used; says which, and the command that helps.

    `may_pass` says whether waiting may help: not where the server answered and refused.
    """

    def __init__(self, message: str, *, may_pass: bool = True) -> None:
        self.may_pass = may_pass
        super().__init__(message)


class LimitExceeded(JobrunnerError):
    """A wait or size limit ran out; the message names the limit."""


class LeaseLost(JobrunnerError):
    """The claim under which a job ran is gone: another daemon may run it, and this one's writes change nothing."""


def nearest(name: str, known: Iterable[str]) -> str:
    """Return `; did you mean A or B?` for the nearest known names, or a list of all when none is near."""
    names = sorted(known)
    lowered = {candidate.lower().replace("-", ""): candidate for candidate in names}
    close = get_close_matches(name.lower().replace("-", ""), lowered, n=3, cutoff=0.55)
    if close:
        return "; did you mean " + " or ".join(lowered[match] for match in close) + "?"
    return f"; there are {', '.join(names)}" if names else ""


def not_found(what: str, name: str, known: Iterable[str]) -> NotFound:
    """Return the error for a thing that is called neither by its id nor by its name, with the nearest names."""
    return NotFound(f"there is no {what} {name[:100]!r}{nearest(name[:100], known)}")

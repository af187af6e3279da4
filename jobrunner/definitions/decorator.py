"""`@job`: makes a job definition of a function."""

import re
from collections.abc import Callable
from typing import Any, overload

from jobrunner.definitions.definition import LONGEST_QUEUE, Definition, Targets, default_pause
from jobrunner.definitions.known import registry
from jobrunner.errors import ConfigurationError

NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,254}")
"""What a job's name may be."""


@overload
def job(name: Callable[..., Any], /) -> Definition: ...
@overload
def job(
    name: str | None = None,
    /,
    *,
    queue: str = "main",
    max_attempts: int = 3,
    deadline: float | None = None,
    pause: Callable[[int], float] | float | None = None,
    targets: Targets | None = None,
    often: bool = False,
    crontab: str | None = None,
) -> Callable[[Callable[..., Any]], Definition]: ...
def job(
    name: str | Callable[..., Any] | None = None,
    /,
    *,
    queue: str = "main",
    max_attempts: int = 3,
    deadline: float | None = None,
    pause: Callable[[int], float] | float | None = None,
    targets: Targets | None = None,
    often: bool = False,
    crontab: str | None = None,
) -> Any:
    """Register a function as a job definition.

    Args:
        name: the job's name; the function's own in CamelCase where it is left out.
        queue: the queue its jobs go to unless they say otherwise.
        max_attempts: how often a job is tried, from 1 to 1000.
        deadline: seconds from the start of an attempt after which it is stopped.
        pause: seconds before the next attempt, or a function of the attempt's number; by default 10 s × 3^(n - 1),
            ±20 %, at most an hour.
        targets: the preparator: an async function of the context that yields a `Target` for each job.
        often: `* * * * *` means as often as possible; see `JobContext.more`.
        crontab: gives the definition a default scheduled job.

    Raises:
        ConfigurationError: an option is out of range, the crontab cannot be read, or another function has the name.
    """
    if callable(name):
        return job()(name)

    def register(function: Callable[..., Any]) -> Definition:
        own = "".join(part.capitalize() for part in function.__name__.split("_"))
        chosen = name or own
        if not NAME.fullmatch(chosen):
            raise ConfigurationError(
                f"a job's name begins with a letter and has letters, digits, '_', '-' and '.' only, got {chosen!r}"
            )
        if not 1 <= max_attempts <= 1000:
            raise ConfigurationError(f"job {chosen!r}: max_attempts must be from 1 to 1000, got {max_attempts}")
        if deadline is not None and not deadline > 0:
            raise ConfigurationError(f"job {chosen!r}: deadline must be positive, got {deadline}")
        if not 0 < len(queue) <= LONGEST_QUEUE or "," in queue or queue != queue.strip() or not queue.isprintable():
            raise ConfigurationError(
                f"job {chosen!r}: a queue's name has 1 to {LONGEST_QUEUE} printable letters, no commas, and no blanks "
                f"around it, got {queue!r:.100}"
            )
        if isinstance(pause, int | float) and pause < 0:
            raise ConfigurationError(f"job {chosen!r}: pause must not be negative, got {pause}")
        if crontab is not None:
            _check_crontab(chosen, crontab)
        definition = Definition(
            name=chosen,
            function=function,
            queue=queue,
            max_attempts=max_attempts,
            deadline=deadline,
            pause=_pause_function(pause),
            targets=targets,
            often=often,
            crontab=crontab,
        )
        registry.add(definition)
        return definition

    return register


def _pause_function(pause: Callable[[int], float] | float | None) -> Callable[[int], float]:
    if pause is None:
        return default_pause
    if callable(pause):
        return pause
    seconds = float(pause)

    def always_the_same(attempt: int) -> float:
        return seconds

    return always_the_same


def _check_crontab(name: str, crontab: str) -> None:
    from jobrunner.crontab import Crontab, CrontabError  # most modules of jobs do without

    try:
        Crontab.parse(crontab)
    except CrontabError as error:
        raise ConfigurationError(f"job {name!r}: {error}") from None

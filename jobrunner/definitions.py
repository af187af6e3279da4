"""Job definitions: the decorator, the registry, how they are found, and how a job's data is validated.

    from jobrunner import JobContext, job

    @job("SendGreeting", max_attempts=5)
    async def send_greeting(ctx: JobContext, name: str, times: int = 1) -> None:
        ctx.log.info("hello %s", name)

The function's parameters are the job's data, validated by their annotations before a job is queued and again before
it runs; a parameter named `ctx` gets the `JobContext` and is no data. `async def` runs as a coroutine on the daemon's
event loop, `def` is blocking and runs in a process of its own.
"""

import importlib
import inspect
import logging
import random
import re
import threading
from collections.abc import AsyncIterable, Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from importlib.metadata import entry_points
from typing import Any, Protocol, overload

from jobrunner.errors import ConfigurationError, InvalidJobData, UnknownDefinition, nearest

ENTRY_POINT_GROUP = "jobrunner.jobs"
NAME = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,254}")
"""What a job's name may be."""
LONGEST_QUEUE = 64
"""Letters that a queue's name may have."""
IMPORT_LIMIT = 20.0
"""Seconds that importing one module of jobs may take before it is named and left out."""

log = logging.getLogger("jobrunner.definitions")


@dataclass(frozen=True, slots=True)
class Target:
    """The record that a job is about, for example one e-mail account."""

    type: str | None
    id: str | None
    data: Mapping[str, Any] | None = None
    """Data for this target's job, where a preparator yields it; merged over the scheduled job's own."""


class JobContext(Protocol):
    """What a running job may use.

    In a blocking job, which runs in another process, `configuration`, `connection` and `complete_in_transaction` are
    not there, and `cancelled` is never true: it is stopped by ending its process.
    """

    job_id: int
    name: str
    attempt: int
    """1 for the first attempt."""
    max_attempts: int
    target: Target | None
    data: Mapping[str, Any]
    firing: datetime | None
    """The firing that this job stands for, the latest of those folded into it; None for an enqueued job."""
    configuration: Any
    """The daemon's configuration (`jobrunner.config.Configuration`)."""
    log: logging.Logger
    """Kept per attempt and streamed to `jobrunner logs -f`."""

    @property
    def cancelled(self) -> bool:
        """True once the job was asked to stop: cancelled, past its deadline, or its daemon stops."""
        ...

    def progress(self, fraction: float, message: str | None = None) -> None:
        """Say how far the job is, from 0 to 1. Written at most once a second."""
        ...

    def more(self) -> None:
        """Say that more work is left: a scheduled job of `* * * * *` then goes again at once."""
        ...

    def connection(self) -> AbstractAsyncContextManager[Any]:
        """A connection of the daemon's pool (asyncpg), with jsonb decoded."""
        ...

    def complete_in_transaction(self) -> AbstractAsyncContextManager[Any]:
        """A connection in a transaction that commits what the job writes together with the job's Success.

        If the claim was lost, leaving the block raises `LeaseLost` and nothing is written. Nothing of the job should
        follow the block.
        """
        ...


def default_pause(attempt: int) -> float:
    """Seconds before the attempt after `attempt`: 10 s × 3^(n - 1), ±20 %, at most an hour."""
    return min(10.0 * 3.0 ** min(attempt - 1, 10), 3600.0) * random.uniform(0.8, 1.2)


Targets = Callable[[JobContext], AsyncIterable[Target] | Awaitable[Iterable[Target]]]


@dataclass(eq=False)
class Definition:
    """A named piece of code with its options. Calling it calls the function."""

    name: str
    function: Callable[..., Any]
    queue: str = "main"
    max_attempts: int = 3
    deadline: float | None = None
    """Seconds from the real start after which the job is stopped; None for no limit."""
    pause: Callable[[int], float] = default_pause
    targets: Targets | None = None
    """The preparator: yields one target per job."""
    often: bool = False
    """`* * * * *` means as often as possible: while a run says `ctx.more()`, it goes again at once."""
    crontab: str | None = None
    """The default scheduled job's crontab; None where it is not scheduled by default."""
    module: str = field(default="", repr=False)

    def __post_init__(self) -> None:
        self.blocking = not inspect.iscoroutinefunction(self.function)
        self.module = self.module or self.function.__module__
        parameters = inspect.signature(self.function).parameters
        self.takes_context = "ctx" in parameters
        self.parameters = {name: p for name, p in parameters.items() if name != "ctx"}
        for name, parameter in self.parameters.items():
            if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
                raise ConfigurationError(
                    f"job {self.name!r}: parameter {name!r} must be a plain or keyword-only one, since a job's data "
                    "is passed by name"
                )
        self.has_data = bool(self.parameters)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function itself, in this process, without a job."""
        return self.function(*args, **kwargs)

    @cached_property
    def _model(self) -> Any:
        from pydantic import ConfigDict, create_model

        hints = inspect.get_annotations(self.function, eval_str=True)
        fields: dict[str, Any] = {
            # Positional names, since pydantic reserves some that are fine as parameters.
            f"p{place}": (hints.get(name, Any), _field(name, parameter))
            for place, (name, parameter) in enumerate(self.parameters.items())
        }
        return create_model(self.name, __config__=ConfigDict(extra="forbid", arbitrary_types_allowed=True), **fields)

    def arguments(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """Return the function's arguments for a job's data.

        Raises:
            InvalidJobData: names the field that is missing, unknown or of the wrong type.
        """
        if not self.has_data:
            if data:
                raise InvalidJobData(f"{self.name} takes no data, got {', '.join(map(repr, data))}")
            return {}
        from pydantic import ValidationError

        try:
            valid = self._model.model_validate(data)
        except ValidationError as error:
            raise InvalidJobData(f"{self.name}: {_first_fault(error, list(self.parameters))}") from None
        return {name: getattr(valid, f"p{place}") for place, name in enumerate(self.parameters)}

    async def targets_for(self, context: JobContext) -> list[Target]:
        """Return what the preparator yields."""
        assert self.targets is not None
        yielded = self.targets(context)
        if isinstance(yielded, AsyncIterable):
            return [target async for target in yielded]
        return list(await yielded)

    def parameters_schema(self) -> dict[str, Any]:
        """Return the data's JSON schema, as daemons publish it."""
        if not self.has_data:
            return {"type": "object", "properties": {}, "additionalProperties": False}
        schema: dict[str, Any] = self._model.model_json_schema(by_alias=True)
        return schema


def _field(name: str, parameter: inspect.Parameter) -> Any:
    from pydantic import Field

    default = ... if parameter.default is parameter.empty else parameter.default
    return Field(default, alias=name)


def _first_fault(error: Any, names: list[str]) -> str:
    fault = error.errors(include_url=False)[0]
    place = ".".join(names[int(p[1:])] if re.fullmatch(r"p\d+", str(p)) else str(p) for p in fault["loc"])
    match fault["type"]:
        case "missing":
            return f"{place!r} is missing"
        case "extra_forbidden":
            return f"{place!r} is no parameter of it{nearest(place, names)}"
    return f"{place!r}: {fault['msg'].lower()}, got {str(fault['input'])[:80]!r}"


class Registry:
    """The definitions that this process knows, by name."""

    def __init__(self) -> None:
        self._definitions: dict[str, Definition] = {}
        self.problems: list[str] = []
        """One sentence for each module that could not be loaded or name that was taken."""

    def __iter__(self) -> Iterator[Definition]:
        return iter(sorted(self._definitions.values(), key=lambda definition: definition.name))

    def __contains__(self, name: str) -> bool:
        return name in self._definitions

    def names(self) -> list[str]:
        """Return all names, sorted."""
        return sorted(self._definitions)

    def get(self, name: str) -> Definition | None:
        """Return the definition of exactly that name, or None."""
        return self._definitions.get(name)

    def find(self, name: str) -> Definition:
        """Return the definition by CamelCase or kebab-case name.

        Raises:
            UnknownDefinition: with the nearest names.
        """
        if name in self._definitions:
            return self._definitions[name]
        for definition in self._definitions.values():
            if plain_name(definition.name) == plain_name(name):
                return definition
        raise UnknownDefinition(name, self._definitions)

    def add(self, definition: Definition) -> None:
        """Register a definition.

        Raises:
            ConfigurationError: another function has the name.
        """
        former = self._definitions.get(definition.name)
        same = former and (former.module, former.function.__qualname__) == (
            definition.module,
            definition.function.__qualname__,
        )
        if former and not same:
            raise ConfigurationError(
                f"two jobs are named {definition.name!r}: {former.module}.{former.function.__qualname__} and "
                f"{definition.module}.{definition.function.__qualname__}; rename one"
            )
        self._definitions[definition.name] = definition

    def load(self, modules: Iterable[str] = ()) -> None:
        """Import the entry points' modules and the given ones. What fails is named in `problems`, the rest loads."""
        names = [point.value for point in entry_points(group=ENTRY_POINT_GROUP)]
        if "jobrunner.jobs" not in names:
            names.insert(0, "jobrunner.jobs")
        for name in dict.fromkeys([*names, *modules]):
            problem = import_within_limit(name, IMPORT_LIMIT)
            if problem:
                self.problems.append(problem)
                log.error("%s", problem)


registry = Registry()
"""What `@job` fills."""


def import_within_limit(module: str, limit: float) -> str | None:
    """Import a module of jobs; return one sentence if it raised or did not end within `limit` seconds (H24)."""
    fault: list[BaseException] = []

    def load() -> None:
        try:
            importlib.import_module(module.partition(":")[0])
        except BaseException as error:  # a module may even call sys.exit
            fault.append(error)

    thread = threading.Thread(target=load, name=f"import {module}", daemon=True)
    thread.start()
    thread.join(limit)
    if thread.is_alive():
        return f"the module {module!r} did not finish importing within {limit:g} s: its jobs are left out"
    if fault:
        kind = type(fault[0]).__name__
        return f"the module {module!r} could not be imported ({kind}: {fault[0]}): its jobs are left out"
    return None


def plain_name(name: str) -> str:
    """Return what CamelCase, kebab-case and snake_case of one name have in common."""
    return name.replace("-", "").replace("_", "").lower()


def _pause_function(pause: Callable[[int], float] | float | None) -> Callable[[int], float]:
    if pause is None:
        return default_pause
    if callable(pause):
        return pause
    seconds = float(pause)

    def always_the_same(attempt: int) -> float:
        return seconds

    return always_the_same


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
        ConfigurationError: an option is out of range, or another function has the name.
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

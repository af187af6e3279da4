"""One job definition: a function with its options."""

import inspect
import random
from collections.abc import AsyncIterable, Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from jobrunner.definitions.context import JobContext
from jobrunner.definitions.data import DataModel
from jobrunner.definitions.target import Target
from jobrunner.errors import ConfigurationError, InvalidJobData

LONGEST_QUEUE = 64
"""Letters that a queue's name may have."""

Targets = Callable[[JobContext], AsyncIterable[Target] | Awaitable[Iterable[Target]]]


def default_pause(attempt: int) -> float:
    """Seconds before the attempt after `attempt`: 10 s × 3^(n - 1), ±20 %, at most an hour."""
    return min(10.0 * 3.0 ** min(attempt - 1, 10), 3600.0) * random.uniform(0.8, 1.2)


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
    def _model(self) -> DataModel:
        return DataModel(self.name, self.function, self.parameters)

    def arguments(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """Return the function's arguments for a job's data.

        Raises:
            InvalidJobData: names the field that is missing, unknown or of the wrong type.
        """
        if self.has_data:
            return self._model.arguments(data)
        if data:
            raise InvalidJobData(f"{self.name} takes no data, got {', '.join(map(repr, data))}")
        return {}

    async def targets_for(self, context: JobContext) -> list[Target]:
        """Return what the preparator yields."""
        assert self.targets is not None
        yielded = self.targets(context)
        if isinstance(yielded, AsyncIterable):
            return [target async for target in yielded]
        return list(await yielded)

    def parameters_schema(self) -> dict[str, Any]:
        """Return the data's JSON schema, as daemons publish it."""
        if self.has_data:
            return self._model.schema()
        return {"type": "object", "properties": {}, "additionalProperties": False}

"""Job definitions: the decorator, the registry, how they are found, and how a job's data is validated.

    from jobrunner import JobContext, job

    @job("SendGreeting", max_attempts=5)
    async def send_greeting(ctx: JobContext, name: str, times: int = 1) -> None:
        ctx.log.info("hello %s", name)

The function's parameters are the job's data, validated by their annotations before a job is queued and again before
it runs; a parameter named `ctx` gets the `JobContext` and is no data. `async def` runs as a coroutine on the daemon's
event loop, `def` is blocking and runs in a process of its own.

`definition` is what a job is, `data` how its data is checked, `context` what it may use, `target` what it is about.
`decorator` makes a definition, `known` keeps it, `importing` finds the modules that have some.
"""

from jobrunner.definitions.context import JobContext
from jobrunner.definitions.decorator import job
from jobrunner.definitions.definition import LONGEST_QUEUE, Definition, default_pause
from jobrunner.definitions.known import Registry, plain_name, registry
from jobrunner.definitions.target import Target

__all__ = [
    "LONGEST_QUEUE",
    "Definition",
    "JobContext",
    "Registry",
    "Target",
    "default_pause",
    "job",
    "plain_name",
    "registry",
]

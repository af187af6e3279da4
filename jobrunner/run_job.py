"""run-job: runs a job at once in this process, for a person who watches.

The job is written as Running from the beginning, so no daemon takes it; it is tried once.
"""

import asyncio
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from jobrunner.config import Configuration
from jobrunner.db.sql import load
from jobrunner.definitions import Definition, Registry, Target
from jobrunner.errors import Conflict, InvalidInput
from jobrunner.execution.attempt import Attempt
from jobrunner.execution.context import TargetsContext
from jobrunner.execution.host import Host
from jobrunner.execution.loglines import LogLine
from jobrunner.execution.runner import STOP_LIMIT
from jobrunner.queue.claim import new_token

START_JOBS = load("jobrunner.queue", "start_jobs")
FIND_RUNNING = load("jobrunner.queue", "find_running")
SHOWN_TARGETS = 20
"""How many targets a refusal lists at most."""


@dataclass(frozen=True, slots=True)
class Ended:
    """How one job ended."""

    job_id: int
    target: Target | None
    status: str
    error: str | None
    result: str | None
    seconds: float


async def run_job(
    *,
    dsn: str,
    direct_dsn: str,
    configuration: Configuration,
    registry: Registry,
    name: str,
    target_type: str | None = None,
    target_id: str | None = None,
    data: dict[str, Any] | None = None,
    force: bool = False,
    on_lines: Callable[[Attempt, list[LogLine]], None] = lambda attempt, lines: None,
    on_progress: Callable[[Attempt], None] = lambda attempt: None,
) -> list[Ended]:
    """Run a job for the target given, or for each that its preparator yields, and return how they ended.

    Raises:
        UnknownDefinition: no job has that name.
        InvalidInput: there is no such target, or the data does not fit.
        Conflict: it runs already, and `force` is not given.
    """
    definition = registry.find(name)
    async with Host(
        dsn=dsn,
        direct_dsn=direct_dsn,
        configuration=configuration,
        registry=registry,
        takes_queues=[],
        on_lines=on_lines,
    ) as host:
        targets = await _targets(host, definition, target_type, target_id)
        datas = [{**(target.data or {} if target else {}), **(data or {})} for target in targets]
        for one in datas:
            definition.arguments(one)
        if not force:
            await _refuse_overlap(host, definition, targets)
        return await _run(host, definition, targets, datas, on_progress)


async def _targets(
    host: Host, definition: Definition, target_type: str | None, target_id: str | None
) -> list[Target | None]:
    if definition.targets is None:
        return [None if target_type is None and target_id is None else Target(target_type, target_id)]
    asked = None if target_id is None else Target(target_type, target_id)
    yielded = await definition.targets_for(TargetsContext(definition, host.pool, host.configuration, asked))
    if target_id is None:
        return [target for target in yielded if target_type in (None, target.type)]
    found = [target for target in yielded if target.id == target_id and target_type in (None, target.type)]
    if not found:
        known = ", ".join(str(target.id) for target in yielded[:SHOWN_TARGETS]) or "none at present"
        more = f" and {len(yielded) - SHOWN_TARGETS} more" if len(yielded) > SHOWN_TARGETS else ""
        raise InvalidInput(f"{definition.name} has no target {target_id!r}; there are: {known}{more}")
    return list(found)


async def _refuse_overlap(host: Host, definition: Definition, targets: Sequence[Target | None]) -> None:
    wanted = {(target.type, target.id) if target else (None, None) for target in targets}
    for row in await host.upkeep.fetch(FIND_RUNNING, definition.name):
        if (row["target_type"], row["target_id"]) in wanted:
            since = row["started_at"].astimezone().strftime("%H:%M:%S")
            raise Conflict(
                f"{definition.name} is running already (job {row['id']}, since {since}): wait for it, or run another "
                "beside it with --force"
            )


async def _run(
    host: Host,
    definition: Definition,
    targets: Sequence[Target | None],
    datas: Sequence[dict[str, Any]],
    on_progress: Callable[[Attempt], None],
) -> list[Ended]:
    if not targets:
        return []
    claim_id = new_token()
    rows = await host.upkeep.fetch(
        START_JOBS,
        claim_id,
        host.identity.id,
        host.configuration.lease,
        definition.name,
        definition.queue,
        definition.blocking,
        [json.dumps(one) for one in datas],
        [target.type if target else None for target in targets],
        [target.id if target else None for target in targets],
    )
    host.runner.take(claim_id, rows)
    attempts = list(host.runner.attempts.values())
    ended: list[Ended] = []
    tasks = {attempt.task: attempt for attempt in attempts if attempt.task is not None}
    waiting = set(tasks)
    try:
        while waiting:
            done, waiting = await asyncio.wait(waiting, timeout=0.2)
            for attempt in attempts:
                if attempt.progress is not None:
                    on_progress(attempt)
            ended += [_ended(tasks[task]) for task in done]
    except asyncio.CancelledError:
        for attempt in list(host.runner.attempts.values()):
            host.runner.interrupt(attempt, "cancel")
        await asyncio.wait(tasks, timeout=STOP_LIMIT)
        for attempt in list(host.runner.attempts.values()):
            host.runner.give_up(attempt)
        raise
    finally:
        async with asyncio.timeout(host.configuration.statement_timeout):
            await host.runner.finisher.drained()
    return sorted(ended, key=lambda one: one.job_id)


def _ended(attempt: Attempt) -> Ended:
    row = attempt.row
    target = (
        None
        if row["target_id"] is None and row["target_type"] is None
        else Target(row["target_type"], row["target_id"])
    )
    seconds = time.monotonic() - attempt.started_at
    return Ended(attempt.job_id, target, attempt.status, attempt.error, attempt.result, seconds)

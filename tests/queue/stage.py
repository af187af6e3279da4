"""Puts jobs into every state there is, by the statements that daemons use."""

import json
from collections.abc import Sequence
from itertools import count
from typing import Any

from jobrunner.definitions import Definition
from jobrunner.queue.claim import claim_jobs
from jobrunner.queue.daemons import Identity, publish_definitions, register_daemon
from jobrunner.queue.finish import Finishes, Requeues, finish_jobs, requeue_jobs

tokens = count(2**62 + 1)


async def coroutine_job() -> None:
    """Runs on the event loop."""


def blocking_job() -> None:
    """Runs in a process."""


class Stage:
    """A database with daemons of flesh and blood left out."""

    def __init__(self, connection: Any) -> None:
        self.connection = connection
        self.daemons: dict[int, str] = {}

    async def enqueue(self, name: str = "Send", **options: Any) -> int:
        if "data" in options:
            options["data"] = json.dumps(options["data"])
        named = ", ".join(f"{option} => ${place}" for place, option in enumerate(options, 2))
        call = f"SELECT jobrunner.enqueue($1{', ' if named else ''}{named})"
        job_id: int = await self.connection.fetchval(call, name, *options.values())
        return job_id

    async def look(self) -> None:
        """What daemons do all the time: lets go what is due, opens groups."""
        await self.connection.fetch("SELECT * FROM jobrunner.look(1000)")

    async def daemon(
        self,
        name: str = "one",
        *,
        definitions: Sequence[str] = ("Send",),
        queues: Sequence[str] | None = None,
        lease: float = 60.0,
        **state: Any,
    ) -> int:
        """Register one that says this of itself."""
        identity = Identity(next(tokens), name, "0.1.0", "host", 42)
        self.daemons[identity.id] = name
        await register_daemon(self.connection, identity, lease=lease, queues=queues, definitions=definitions)
        await self.connection.execute(
            "UPDATE jobrunner.daemon SET state = $2, asleep = true WHERE id = $1", identity.id, json.dumps(state)
        )
        return identity.id

    async def publish(
        self, name: str, *, blocking: bool = False, queue: str = "main", crontab: str | None = None
    ) -> None:
        function = blocking_job if blocking else coroutine_job
        await publish_definitions(self.connection, [Definition(name, function, queue=queue, crontab=crontab)])

    async def claim(
        self,
        daemon_id: int,
        *,
        names: Sequence[str] = ("Send",),
        limit: int = 15,
        lease: float = 60.0,
        queue: str = "main",
        blocking: bool = False,
    ) -> list[int]:
        """Claim ready jobs and return their ids."""
        rows = await claim_jobs(
            self.connection,
            claim_id=next(tokens),
            daemon_id=daemon_id,
            lease=lease,
            queue=queue,
            blocking=blocking,
            limit=limit,
            names=list(names),
        )
        return [row["id"] for row in rows]

    async def finish(self, job_id: int, status: str = "Success", error: str | None = None, result: Any = None) -> None:
        claim_id, daemon = await self._holder(job_id)
        finishes = Finishes()
        finishes.add(job_id, claim_id, status, error, json.dumps(result))
        assert await finish_jobs(self.connection, finishes, [], daemon) == {job_id}

    async def requeue(
        self, job_id: int, outcome: str = "Error", error: str = "ValueError: no", pause: float = 60
    ) -> None:
        claim_id, daemon = await self._holder(job_id)
        requeues = Requeues()
        requeues.add(job_id, claim_id, outcome, error, float(pause))
        assert await requeue_jobs(self.connection, requeues, [], daemon) == {job_id}

    async def take(self, job_id: int, daemon_id: int) -> None:
        """Claim just this job, whatever else is ready."""
        token = next(tokens)
        await self.connection.execute(
            "INSERT INTO jobrunner.claim VALUES ($1, $2, now() + interval '1 minute', ARRAY[$3::bigint])",
            token,
            daemon_id,
            job_id,
        )
        await self.connection.execute(
            "UPDATE jobrunner.job SET status = 'Running', claim_id = $1, attempt = attempt + 1, hold = NULL,"
            " started_at = clock_timestamp() WHERE id = $2",
            token,
            job_id,
        )

    async def run(
        self, status: str = "Success", *, error: str | None = None, name: str = "Send", **options: Any
    ) -> int:
        """Enqueue one job, run it and store its end; neither claim nor daemon is left."""
        job_id = await self.enqueue(name, **options)
        daemon_id = await self.daemon("runner")
        await self.take(job_id, daemon_id)
        await self.finish(job_id, status, error)
        await self.connection.execute("DELETE FROM jobrunner.claim WHERE daemon_id = $1", daemon_id)
        await self.connection.execute("DELETE FROM jobrunner.daemon WHERE id = $1", daemon_id)
        return job_id

    async def log(self, job_id: int, *messages: str, attempt: int = 1, level: int = 20) -> None:
        await self.connection.executemany(
            "INSERT INTO jobrunner.job_log (job_id, attempt, at, level, logger, message)"
            " VALUES ($1, $2, now(), $3, $4, $5)",
            [(job_id, attempt, level, "job", message) for message in messages],
        )

    async def status(self, job_id: int) -> str | None:
        status: str | None = await self.connection.fetchval(
            "SELECT status::text FROM jobrunner.jobs WHERE id = $1", job_id
        )
        return status

    async def schedule(self, name: str, *, job: str = "Send", due_in: float | None = 60.0, **fields: Any) -> int:
        """Add a scheduled job whose next firing is so many seconds from now."""
        schedule_id: int = await self.connection.fetchval(
            "INSERT INTO jobrunner.scheduled_job (name, job, crontab, next_fire_at, status, problem)"
            " SELECT $1, $2, '0 4 * * *', now() + make_interval(secs => $3),"
            " $4::text::jobrunner.scheduled_job_status, $5 RETURNING id",
            name,
            job,
            due_in,
            fields.get("status", "Active"),
            fields.get("problem"),
        )
        return schedule_id

    async def _holder(self, job_id: int) -> tuple[int, str]:
        row = await self.connection.fetchrow(
            "SELECT c.id, c.daemon_id FROM jobrunner.job AS j"
            " JOIN jobrunner.claim AS c ON c.id = j.claim_id WHERE j.id = $1",
            job_id,
        )
        return row[0], self.daemons[row[1]]

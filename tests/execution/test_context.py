from typing import Any

import pytest

from jobrunner.db.pool import Pool
from jobrunner.definitions import Definition, JobContext, Target
from jobrunner.errors import JobrunnerError
from jobrunner.execution.context import TargetsContext
from tests.support.daemons import configure


async def test_a_preparator_may_be_asked_without_a_job(database_url: str) -> None:
    """As `run-job` does: it has the database and the configuration, and there is no job for it to end."""
    seen: dict[str, Any] = {}

    async def accounts(ctx: JobContext) -> list[Target]:
        ctx.progress(0.5, "half")
        ctx.more()
        seen.update(vars(ctx), target=ctx.target, data=dict(ctx.data), attempt=ctx.attempt, cancelled=ctx.cancelled)
        with pytest.raises(JobrunnerError, match="there is no job to complete"):
            ctx.complete_in_transaction()
        async with ctx.connection() as connection:
            return [Target("account", row["id"]) for row in await connection.fetch("SELECT 'a' AS id")]

    async def check() -> None: ...

    definition = Definition("Check", check, targets=accounts)
    configuration = configure(database_url)
    async with Pool(database_url, size=1) as pool:
        found = await definition.targets_for(TargetsContext(definition, pool, configuration))
    assert found == [Target("account", "a")]
    assert (seen["name"], seen["configuration"]) == ("Check", configuration)
    assert (seen["target"], seen["data"], seen["attempt"], seen["cancelled"]) == (None, {}, 1, False)

"""What there is to clean, put in while the daemon is paused."""

from collections.abc import Mapping
from typing import Any

from scripts.benchmarks.cleaning.sizes import Sizes

MAKE_DAYS = """
DO $$
DECLARE
    given record;
    day date;
BEGIN
    FOR given IN SELECT p.parent, p.ago + n AS ago
        FROM (VALUES ('job_history_done', 40), ('job_history_failed', 100)) AS p (parent, ago)
        CROSS JOIN generate_series(1, {days}) AS n
    LOOP
        day := (now() AT TIME ZONE 'UTC')::date - given.ago;
        EXECUTE format(
            'CREATE TABLE IF NOT EXISTS jobrunner.%I PARTITION OF jobrunner.%I FOR VALUES FROM (%L) TO (%L)',
            given.parent || '_' || to_char(day, 'YYYYMMDD'), given.parent, day || ' 00:00+00', day + 1 || ' 00:00+00'
        );
    END LOOP;
END;
$$
"""
ADD_JOBS = """
INSERT INTO jobrunner.job_history (
    id, execute_at, created_at, started_at, finished_at, claim_id, priority, attempt, max_attempts, status,
    blocking, preparing, name, queue, daemon, data
)
SELECT
    -n, s.at, s.at, s.at, s.at, n, 0, 1, 3, s.status, false, false, 'Noop', 'main', 'before', '{"account": 4711}'
FROM generate_series(1, $1::bigint) AS n
CROSS JOIN LATERAL (
    SELECT
        (CASE WHEN n % 10 = 0 THEN 'Failed' ELSE 'Success' END)::jobrunner.job_status AS status,
        date_trunc('day', now(), 'UTC') + interval '12 hours'
            - make_interval(days => (CASE WHEN n % 10 = 0 THEN 101 ELSE 41 END + n % $2::bigint)::integer) AS at
) AS s
"""
# A third is deleted; when is noted by a trigger, and put back afterwards.
ADD_RECORDS = (
    "INSERT INTO jobrunner.account (name, email, deleted)"
    " SELECT 'Account ' || n, 'a' || n || '@example.com', n % 3 = 0 FROM generate_series(1, 3 * $1::bigint) AS n",
    "INSERT INTO jobrunner.contact (last_name, email, deleted)"
    " SELECT 'Contact ' || n, 'c' || n || '@example.com', n % 3 = 0 FROM generate_series(1, 3 * $1::bigint) AS n",
    "INSERT INTO jobrunner.lead (last_name, email, deleted)"
    " SELECT 'Lead ' || n, 'l' || n || '@example.com', n % 3 = 0 FROM generate_series(1, 3 * $1::bigint) AS n",
    "INSERT INTO jobrunner.case_record (name, description, deleted)"
    " SELECT 'Case ' || n, repeat('x', 200), n % 3 = 0 FROM generate_series(1, 3 * $1::bigint) AS n",
)
TABLES = ("account", "contact", "lead", "case_record")
JOBS = ("jobs", "failed-jobs")
"""Clean-up targets of finished jobs."""
ADD_WAITING = "INSERT INTO jobrunner.job (name) SELECT 'Noop' FROM generate_series(1, $1::bigint) AS n"
LEFT = """
SELECT
    (SELECT count(*) FROM jobrunner.job_history AS h WHERE h.finished_at < now() - interval '35 days')
    + (SELECT count(*) FROM jobrunner.account AS t WHERE t.deleted)
    + (SELECT count(*) FROM jobrunner.contact AS t WHERE t.deleted)
    + (SELECT count(*) FROM jobrunner.lead AS t WHERE t.deleted)
    + (SELECT count(*) FROM jobrunner.case_record AS t WHERE t.deleted)
"""


async def seed(connection: Any, sizes: Sizes) -> None:
    """Put in old jobs and removed records, and jobs that wait."""
    await connection.execute("TRUNCATE jobrunner.job, jobrunner.claim")
    for table in TABLES:
        await connection.execute(f"TRUNCATE jobrunner.{table} CASCADE")
    await connection.execute(MAKE_DAYS.format(days=sizes.days))
    await connection.execute(ADD_JOBS, sizes.jobs, sizes.days)
    for statement, table in zip(ADD_RECORDS, TABLES, strict=True):
        await connection.execute(statement, sizes.removed // len(TABLES))
        await connection.execute(
            f"UPDATE jobrunner.{table} AS t SET deleted_at = now() - interval '61 days' WHERE t.deleted"
        )
    await connection.execute(ADD_WAITING, sizes.waiting)
    await connection.execute("VACUUM ANALYZE")


async def left(connection: Any) -> int:
    """Return how many rows are over and still there."""
    rows: int = await connection.fetchval(LEFT)
    return rows


def check(targets: Mapping[str, Any], sizes: Sizes) -> None:
    """See by the report of Cleanup that it was Cleanup that removed all, and not the daemon's own retention.

    Raises:
        RuntimeError: it was not. One in a hundred jobs may be missing: of large days PostgreSQL's estimate is told.
    """
    jobs = sum(targets[name]["rows"] for name in JOBS)
    records = sum(target["rows"] for name, target in targets.items() if name not in JOBS)
    if jobs < 0.99 * sizes.jobs or records < sizes.removed:
        raise RuntimeError(f"Cleanup removed {jobs:,} jobs and {records:,} records: the rest went by somebody else")

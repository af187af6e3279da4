"""The engine: jobs, claims, daemons, definitions, scheduled jobs, settings."""

from jobrunner.db.migrations import run_sql_file

revision = "0001_engine"
down_revision = None


def upgrade() -> None:
    run_sql_file(__file__)

"""Firing of scheduled jobs, fan-out over targets, going again, seeding."""

from jobrunner.db.migrations import run_sql_file

revision = "0002_scheduling"
down_revision = "0001_engine"


def upgrade() -> None:
    run_sql_file(__file__)

"""Reminders: users, meetings, calls, tasks, attendees, and the rows by which each is reminded."""

from jobrunner.db.migrations import run_sql_file

revision = "0003_reminders"
down_revision = "0002_scheduling"


def upgrade() -> None:
    run_sql_file(__file__)

"""Notifications, what becomes of their mails, and each user's preferences."""

from jobrunner.db.migrations import run_sql_file

revision = "0006_notifications"
down_revision = "0005_mass_mail"


def upgrade() -> None:
    run_sql_file(__file__)

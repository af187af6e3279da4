"""Webhooks: events, deliveries, batches, attempts."""

from jobrunner.db.migrations import run_sql_file

revision = "0009_webhooks"
down_revision = "0008_mail_follow_ups"


def upgrade() -> None:
    run_sql_file(__file__)

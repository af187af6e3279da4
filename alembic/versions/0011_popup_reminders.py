"""Popup reminders."""

from jobrunner.db.migrations import run_sql_file

revision = "0011_popup_reminders"
down_revision = "0010_knowledge_base"


def upgrade() -> None:
    run_sql_file(__file__)

"""Mail accounts: SMTP accounts, their state and rates, and secrets that are sealed at rest."""

from jobrunner.db.migrations import run_sql_file

revision = "0004_mail_accounts"
down_revision = "0003_reminders"


def upgrade() -> None:
    run_sql_file(__file__)

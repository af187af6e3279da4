"""Mail in: accounts that are read, mails with their files and users, filters, teams and cases."""

from jobrunner.db.migrations import run_sql_file

revision = "0007_mail_in"
down_revision = "0006_notifications"


def upgrade() -> None:
    run_sql_file(__file__)

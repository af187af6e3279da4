"""What follows an incoming mail: cases, automatic answers, bounces; mails kept in the Sent folder."""

from jobrunner.db.migrations import run_sql_file

revision = "0008_mail_follow_ups"
down_revision = "0007_mail_in"


def upgrade() -> None:
    run_sql_file(__file__)

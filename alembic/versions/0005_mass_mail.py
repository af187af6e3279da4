"""Mass mail: persons, their addresses, target lists, campaigns, templates, mass e-mails and their queue."""

from jobrunner.db.migrations import run_sql_file

revision = "0005_mass_mail"
down_revision = "0004_mail_accounts"


def upgrade() -> None:
    run_sql_file(__file__)

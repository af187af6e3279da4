"""Articles of the knowledge base, and what the clean-up keeps of itself."""

from jobrunner.db.migrations import run_sql_file

revision = "0010_knowledge_base"
down_revision = "0009_webhooks"


def upgrade() -> None:
    run_sql_file(__file__)

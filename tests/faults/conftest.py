"""Databases in which only the jobs of these tests run: the default scheduled jobs count as seeded and removed."""

import psycopg
import pytest

UNSEED = """
INSERT INTO jobrunner.seeded_scheduled_job (job)
VALUES
    ('CheckEmailAccounts'),
    ('CheckInboundEmails'),
    ('Cleanup'),
    ('ControlKnowledgeBaseArticleStatus'),
    ('ProcessMassEmail'),
    ('ProcessWebhookQueue'),
    ('SendEmailNotifications'),
    ('SendEmailReminders'),
    ('StoreSentEmails'),
    ('SubmitPopupReminders')
ON CONFLICT DO NOTHING
"""


@pytest.fixture
def database_url(database_url: str) -> str:
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(UNSEED)
    return database_url

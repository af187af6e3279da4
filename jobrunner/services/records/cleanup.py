"""What the job Cleanup removes of records: those that were deleted, for good.

Cases go before contacts and leads, contacts before accounts: a person stays while a case or a contact names it. Mails
that were about the record are about nothing then. Where an application has put a view in the place of one of these
tables, that is left to it.
"""

from jobrunner.queue.cleanup_target import CleanupTarget, old_rows, period_setting

KEPT = period_setting(
    "cleanup_deleted_records_period",
    "Cleanup Deleted Records Period",
    "60 days",
    "How long records are kept after they were deleted.",
)


def _deleted(name: str, what: str, table: str, *referring: tuple[str, str]) -> CleanupTarget:
    unreferred = [f"NOT EXISTS (SELECT FROM {other} AS o WHERE o.{column}::text = t.id)" for other, column in referring]
    return old_rows(name, what, KEPT, table=table, time="deleted_at", where=" AND ".join(["t.deleted", *unreferred]))


CASES = "jobrunner.case_record"
TARGETS: tuple[CleanupTarget, ...] = (
    _deleted("deleted-cases", "Cases that were deleted", CASES),
    _deleted("deleted-contacts", "Contacts that were deleted", "jobrunner.contact", (CASES, "contact_id")),
    _deleted("deleted-leads", "Leads that were deleted", "jobrunner.lead", (CASES, "lead_id")),
    _deleted(
        "deleted-accounts",
        "Accounts that were deleted",
        "jobrunner.account",
        ("jobrunner.contact", "account_id"),
        (CASES, "account_id"),
    ),
    _deleted("deleted-meetings", "Meetings that were deleted", "jobrunner.meeting"),
    _deleted("deleted-calls", "Calls that were deleted", "jobrunner.call"),
    _deleted("deleted-tasks", "Tasks that were deleted", "jobrunner.task"),
    _deleted("deleted-articles", "Articles of the knowledge base that were deleted", "jobrunner.article"),
)

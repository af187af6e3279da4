"""What the job Cleanup removes of mails: those in the trash, and counts of automatic answers.

A mail goes when everybody who has it put it into the trash long ago, and no team, group folder, case or answer of ours
needs it; while somebody has it still, only the others' trash is emptied.
"""

from jobrunner.db.sql import load
from jobrunner.queue.cleanup_target import CleanupTarget, OldRows, old_rows, period_setting

KEPT = period_setting(
    "cleanup_trash_period",
    "Cleanup Trash Period",
    "30 days",
    "How long mails are kept after their user put them into the trash.",
)

TARGETS: tuple[CleanupTarget, ...] = (
    CleanupTarget(
        "mails-in-trash",
        "Mails that all their users have in the trash",
        KEPT,
        OldRows("jobrunner.email", load(__package__, "list_mails_in_trash")),
    ),
    CleanupTarget(
        "trash",
        "What is in the trash of a user while others have the mail still",
        KEPT,
        OldRows("jobrunner.email_user", load(__package__, "list_trash")),
    ),
    # The limits that they are for reach back a day at most.
    old_rows(
        "auto-reply-counts",
        "Counts of automatic answers that limit nothing any more",
        "2 days",
        table="jobrunner.auto_reply_count",
        time="counted_at",
    ),
)

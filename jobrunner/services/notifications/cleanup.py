"""What the job Cleanup removes of notifications. One whose mail is still to be sent stays."""

from jobrunner.queue.cleanup_target import CleanupTarget, old_rows, period_setting

KEPT = period_setting(
    "cleanup_notifications_period",
    "Cleanup Notifications Period",
    "2 months",
    "How long notifications are kept that their user has read.",
)
UNREAD_KEPT = period_setting(
    "cleanup_unread_notifications_period",
    "Cleanup Unread Notifications Period",
    "6 months",
    "How long notifications are kept that nobody has read.",
)

TARGETS: tuple[CleanupTarget, ...] = (
    old_rows(
        "notifications",
        "Notifications that were read",
        KEPT,
        table="jobrunner.notification",
        time="created_at",
        where="t.read AND t.finished_at IS NOT NULL",
    ),
    old_rows(
        "unread-notifications",
        "Notifications that nobody has read",
        UNREAD_KEPT,
        table="jobrunner.notification",
        time="created_at",
        where="NOT t.read AND t.finished_at IS NOT NULL",
    ),
)

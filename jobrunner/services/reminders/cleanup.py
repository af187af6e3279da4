"""What the job Cleanup removes of reminders: those that are over, once their record has begun.

Until then they stay, whatever their age: a record that is saved again is not reminded of again.
"""

from jobrunner.queue.cleanup_target import CleanupTarget, old_rows, period_setting

KEPT = period_setting(
    "cleanup_reminders_period",
    "Cleanup Reminders Period",
    "15 days",
    "How long reminders are kept after they were sent, skipped or missed.",
)

TARGETS: tuple[CleanupTarget, ...] = (
    old_rows(
        "dismissed-reminders",
        "Popup reminders that were dismissed or have expired",
        "1 day",
        table="jobrunner.reminder",
        time="finished_at",
        where="t.state IN ('Dismissed', 'Expired') AND t.start_at < now()",
    ),
    old_rows(
        "reminders",
        "Reminders that are over",
        KEPT,
        table="jobrunner.reminder",
        time="finished_at",
        where="t.start_at < now()",
    ),
)

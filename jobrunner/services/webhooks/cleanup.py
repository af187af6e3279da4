"""What the job Cleanup removes of webhooks: deliveries that ended, their requests, and the events they told of.

What is Pending stays, however old: a webhook that is off gets it when it is enabled again. An event goes when its last
delivery has gone.
"""

from jobrunner.db.sql import load
from jobrunner.queue.cleanup_target import Child, CleanupTarget, OldRows, old_rows, period_setting

KEPT = period_setting(
    "cleanup_webhook_queue_period",
    "Cleanup Webhook Queue Period",
    "10 days",
    "How long events of webhooks are kept after they were delivered.",
)
FAILED_KEPT = period_setting(
    "cleanup_failed_webhook_queue_period",
    "Cleanup Failed Webhook Queue Period",
    "30 days",
    "How long events are kept that could not be delivered: until then they can be replayed.",
)

TARGETS: tuple[CleanupTarget, ...] = (
    old_rows(
        "webhook-deliveries",
        "Deliveries of webhooks that succeeded",
        KEPT,
        table="jobrunner.webhook_delivery",
        time="processed_at",
        where="t.status = 'Success'",
    ),
    old_rows(
        "failed-webhook-deliveries",
        "Deliveries of webhooks that failed",
        FAILED_KEPT,
        table="jobrunner.webhook_delivery",
        time="processed_at",
        where="t.status = 'Failed'",
    ),
    CleanupTarget(
        "webhook-attempts",
        "Requests of webhooks, with their attempts and answers, whose deliveries are gone",
        KEPT,
        OldRows(
            "jobrunner.webhook_batch",
            load(__package__, "list_unused_batches"),
            (Child("jobrunner.webhook_attempt", "batch_id"),),
        ),
    ),
    CleanupTarget(
        "webhook-events",
        "Events of webhooks whose deliveries are gone",
        KEPT,
        OldRows("jobrunner.webhook_event", load(__package__, "list_unused_events")),
    ),
)

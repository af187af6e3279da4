"""The settings of the engine: of jobs as a whole, and of each queue.

Each queue has three settings of its own, with its name in theirs; those of a queue that nobody has set stand at their
defaults.
"""

from collections.abc import Iterator

from jobrunner.queue.setting import Setting, can_run_in_parallel

MAIN_QUEUE = "main"
USUAL_QUEUES = (MAIN_QUEUE, "m0", "q0", "q1", "e0")
"""The queues that the settings list shows in any case; every other name is served as well."""

QUEUE_PORTIONS = {"q0": 200, "q1": 500, "e0": 100}
QUEUE_PORTION = 200
"""The most jobs that one claim takes from any other queue but main."""
QUEUE_CONCURRENCY = 100
QUEUE_WEIGHT = 1.0

SETTINGS = {
    setting.name: setting
    for setting in (
        Setting(
            "paused",
            "Paused",
            "yes or no",
            False,
            "No daemon starts jobs or fires schedules; what runs ends as usual, what is due waits.",
        ),
        Setting(
            "jobs_run_in_parallel",
            "Jobs Run in Parallel",
            "yes or no",
            can_run_in_parallel(),
            "Blocking jobs run in processes beside each other; without it one at a time. Coroutines always run "
            "beside each other.",
        ),
        Setting(
            "jobs_max_portion",
            "Jobs Max Portion",
            "whole number",
            15,
            "The most jobs that one claim takes from the main queue; the daemon claims again at once.",
            "jobs",
            1,
            10_000,
        ),
        Setting(
            "jobs_pool_concurrency_number",
            "Jobs Pool Concurrency Number",
            "whole number",
            8,
            "Blocking jobs that run at once, for each daemon.",
            "processes",
            1,
            256,
        ),
        Setting(
            "daemon_interval",
            "Daemon Interval",
            "whole number",
            10,
            "How often a daemon looks for jobs even when nothing has told it of any.",
            "s",
            1,
            3600,
        ),
        Setting(
            "time_zone",
            "Time Zone",
            "time zone",
            "UTC",
            "The zone of crontabs whose scheduled job names none.",
        ),
        Setting(
            "force_utc_time_zone",
            "Force UTC Time Zone",
            "yes or no",
            False,
            "Such crontabs are read in UTC, whatever Time Zone says.",
        ),
        Setting(
            "cleanup_job_period",
            "Cleanup Job Period",
            "whole number",
            30,
            "How long jobs that succeeded or were cancelled are kept. The jobs of one day (UTC) are removed together.",
            "days",
            0,
            36_500,
        ),
        Setting(
            "cleanup_failed_job_period",
            "Cleanup Failed Job Period",
            "whole number",
            90,
            "How long failed jobs are kept, likewise.",
            "days",
            0,
            36_500,
        ),
        Setting(
            "cleanup_job_log_period",
            "Cleanup Job Log Period",
            "whole number",
            30,
            "How long the log lines of jobs are kept, likewise.",
            "days",
            1,
            36_500,
        ),
    )
}
"""Every setting that is not a queue's, in the order of the screen."""


def queue_setting(queue: str, what: str) -> Setting:
    """Return one of the three settings of a queue: `max_portion`, `concurrency` or `weight`."""
    name = f"queue_{queue}_{what}"
    match what:
        case "max_portion":
            return Setting(
                name,
                f"Queue {queue} Max Portion",
                "whole number",
                QUEUE_PORTIONS.get(queue, QUEUE_PORTION),
                f"The most jobs that one claim takes from the queue {queue}; the daemon claims again at once.",
                "jobs",
                1,
                10_000,
            )
        case "concurrency":
            return Setting(
                name,
                f"Queue {queue} Concurrency",
                "whole number",
                QUEUE_CONCURRENCY,
                f"The most jobs of the queue {queue} that run at once, for each daemon.",
                "jobs",
                1,
                100_000,
            )
        case _:
            return Setting(
                name,
                f"Queue {queue} Weight",
                "number",
                QUEUE_WEIGHT,
                f"The share of the queue {queue} where several queues have more to do than the daemon can.",
                "",
                0.01,
                1000,
            )


def settings_of_queue(queue: str) -> Iterator[Setting]:
    """Yield the settings that a queue has of its own; for main the portion is `jobs_max_portion`."""
    if queue != MAIN_QUEUE:
        yield queue_setting(queue, "max_portion")
    yield queue_setting(queue, "concurrency")
    yield queue_setting(queue, "weight")

"""Every job setting by name: its label, unit, range and default, and how a value is checked.

Names are the labels of the settings screen in snake case. Each queue has three settings of its own, with its name in
theirs; those of a queue that nobody has set stand at their defaults.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

from jobrunner.definitions import LONGEST_QUEUE
from jobrunner.errors import InvalidInput, nearest

Value: TypeAlias = bool | int | float | str
Kind = Literal["yes or no", "whole number", "number", "time zone"]

MAIN_QUEUE = "main"
USUAL_QUEUES = (MAIN_QUEUE, "m0", "q0", "q1", "e0")
"""The queues that the settings list shows in any case; every other name is served as well."""

QUEUE_PORTIONS = {"q0": 200, "q1": 500, "e0": 100}
QUEUE_PORTION = 200
"""The most jobs that one claim takes from any other queue but main."""
QUEUE_CONCURRENCY = 100
QUEUE_WEIGHT = 1.0

WHOLE = re.compile(r"[+-]?[0-9]{1,18}")
DECIMAL = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)")
QUEUE_SETTING = re.compile(r"queue_(?P<queue>.+)_(?P<what>max_portion|concurrency|weight)", re.DOTALL)
WORDS = {
    **dict.fromkeys(("true", "yes", "on", "1"), True),
    **dict.fromkeys(("false", "no", "off", "0"), False),
}


def can_run_in_parallel() -> bool:
    """Return whether this platform can run blocking jobs in processes beside each other."""
    try:
        import multiprocessing.synchronize
    except ImportError:  # no semaphores between processes here
        return False
    return bool({"forkserver", "spawn"} & set(multiprocessing.get_all_start_methods()))


@dataclass(frozen=True, slots=True)
class Setting:
    """What one setting is. `minimum` and `maximum` are in `unit` and belong to the range."""

    name: str
    label: str
    kind: Kind
    default: Value
    meaning: str
    unit: str = ""
    minimum: float = 0
    maximum: float = 0

    @property
    def range(self) -> str:
        """Return what is allowed, in words: `from 1 to 3600 s`."""
        match self.kind:
            case "yes or no":
                return "true or false"
            case "time zone":
                return "a region and a city, such as Europe/Berlin, or UTC"
        return f"from {self.minimum:g} to {self.maximum:g}{' ' if self.unit else ''}{self.unit}"

    def check(self, value: object) -> Value:
        """Return the value of the right type; a text is read as the command line gives it.

        Raises:
            InvalidInput: one sentence with the value, the range and the unit.
        """
        match self.kind, value:
            case "yes or no", bool():
                return value
            case "yes or no", str() if value.strip().lower() in WORDS:
                return WORDS[value.strip().lower()]
            case "whole number", int() if not isinstance(value, bool):
                number: int | float = value
            case "whole number", str() if WHOLE.fullmatch(value.strip()):
                number = int(value)
            case "number", int() | float() if not isinstance(value, bool):
                number = value
            case "number", str() if DECIMAL.fullmatch(value.strip()):
                number = float(value)
            case "time zone", str():
                return self._zone(value.strip())
            case _:
                raise self.refusal(value)
        if not self.minimum <= number <= self.maximum:
            raise self.refusal(value)
        return number if self.kind == "whole number" else float(number)

    def _zone(self, name: str) -> str:
        from jobrunner.crontab.zones import zone

        try:
            return str(zone(name).key)
        except InvalidInput as error:
            raise InvalidInput(f"{self.name}: {error}") from None

    def refusal(self, value: object) -> InvalidInput:
        """Return the sentence for a value that cannot be."""
        what = "a whole number " if self.kind == "whole number" else "a number " if self.kind == "number" else ""
        try:
            given = repr(value)
        except ValueError:  # Python writes no number of more than 4300 digits
            given = "a longer number"
        shown = given if len(given) <= 60 else given[:60] + "…"
        return InvalidInput(f"{self.name} must be {what}{self.range}, got {shown}")


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


def find_setting(name: str) -> Setting:
    """Return the setting of that name, which may have hyphens, or be the label on the screen.

    Raises:
        InvalidInput: there is none; with the nearest names.
    """
    snake = re.sub(r"[\s-]+", "_", name.strip().lower())
    if snake in SETTINGS:
        return SETTINGS[snake]
    match = QUEUE_SETTING.fullmatch(name.strip())
    if match is None:
        known = [*SETTINGS, *(setting.name for queue in USUAL_QUEUES for setting in settings_of_queue(queue))]
        hint = nearest(name[:100], known)
        if not hint.endswith("?"):
            hint = "; `jobrunner settings list` shows all"
        raise InvalidInput(f"there is no setting {name[:100]!r}{hint}")
    queue, what = match["queue"], match["what"]
    if len(queue) > LONGEST_QUEUE or not queue.isprintable() or queue != queue.strip():
        raise InvalidInput(
            f"{queue[:100]!r} is no name of a queue: it has 1 to {LONGEST_QUEUE} printable letters and no "
            "blanks around them"
        )
    if queue == MAIN_QUEUE and what == "max_portion":
        raise InvalidInput(f"{name.strip()} is called jobs_max_portion: set that")
    return queue_setting(queue, what)


def reference() -> str:
    """Return the table of all settings in Markdown, as it stands in docs/settings.md."""
    lines = ["| name | label | default | range | meaning |", "| --- | --- | --- | --- | --- |"]
    for setting in (*SETTINGS.values(), *settings_of_queue("NAME")):
        match setting.name:
            case "jobs_run_in_parallel":
                default = "where the platform can"
            case "queue_NAME_max_portion":
                own = ", ".join(f"{queue} {portion}" for queue, portion in QUEUE_PORTIONS.items())
                default = f"{QUEUE_PORTION} ({own})"
            case _:
                default = json.dumps(setting.default).strip('"')
        lines.append(f"| `{setting.name}` | {setting.label} | {default} | {setting.range} | {setting.meaning} |")
    return "\n".join(lines)

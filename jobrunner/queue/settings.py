"""Job settings: what the administrator sets while daemons run, kept in the database.

A change is live within a second: a trigger on the table announces it on the channel `jobrunner_change` and counts it
in `jobrunner.revision`, and each daemon then loads all settings anew. Values are checked where they enter; what an
edit by hand in SQL has broken falls back to its default and is named in `Settings.problems`, so that no daemon stops.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, TypeVar

from jobrunner.db.queryable import Queryable
from jobrunner.db.sql import load
from jobrunner.errors import InvalidInput
from jobrunner.queue.engine_settings import MAIN_QUEUE, SETTINGS, USUAL_QUEUES, queue_setting, settings_of_queue
from jobrunner.queue.setting import TEXT_KINDS, Setting, SettingGroup, Value, can_run_in_parallel
from jobrunner.queue.setting_groups import find_setting, group_of, problems_of_declarations, settings_by_group
from jobrunner.queue.wording import printable

SELECT_SETTINGS = load(__package__, "select_settings")
WRITE_SETTING = load(__package__, "write_setting")
DELETE_SETTING = load(__package__, "delete_setting")
LIST_QUEUES = load(__package__, "list_queues")

Group = TypeVar("Group")


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings of the engine at one moment. Made with no arguments, it holds the defaults."""

    jobs_run_in_parallel: bool = field(default_factory=can_run_in_parallel)
    jobs_max_portion: int = 15
    jobs_pool_concurrency_number: int = 8
    """Blocking jobs at once, per daemon."""
    daemon_interval: int = 10
    """Seconds between two looks that nothing asked for."""
    time_zone: str = "UTC"
    force_utc_time_zone: bool = False
    cleanup_job_period: int = 30
    """Days."""
    cleanup_failed_job_period: int = 90
    """Days."""
    cleanup_job_log_period: int = 30
    """Days."""
    paused: bool = False
    paused_by: str | None = None
    paused_since: datetime | None = None
    queues: Mapping[str, Value] = field(default_factory=dict)
    """The settings of queues that were set, by their full name; read them with `portion`, `concurrency`, `weight`."""
    problems: tuple[str, ...] = ()
    """One sentence for each row of the table that is no setting or holds no valid value."""

    def portion(self, queue: str) -> int:
        """Return the most jobs that one claim takes from a queue."""
        return self.jobs_max_portion if queue == MAIN_QUEUE else int(self._of_queue(queue, "max_portion"))

    def concurrency(self, queue: str) -> int:
        """Return the most jobs of a queue that run at once in each daemon."""
        return int(self._of_queue(queue, "concurrency"))

    def weight(self, queue: str) -> float:
        """Return a queue's share, beside the weights of the others, where all have more to do than is possible."""
        return float(self._of_queue(queue, "weight"))

    @property
    def crontab_time_zone(self) -> str:
        """Return the zone of crontabs whose scheduled job names none."""
        return "UTC" if self.force_utc_time_zone else self.time_zone

    def _of_queue(self, queue: str, what: str) -> float:
        value = self.queues.get(f"queue_{queue}_{what}", queue_setting(queue, what).default)
        assert isinstance(value, int | float)  # as all three are
        return value


@dataclass(frozen=True, slots=True)
class SettingRow:
    """One setting as a list shows it. `changed_at` and `changed_by` are None where it stands at its default."""

    name: str
    label: str
    value: Value
    default: Value
    unit: str
    range: str
    meaning: str
    group: str = ""
    changed_at: datetime | None = None
    changed_by: str | None = None
    problem: str | None = None
    """Why the value in the table does not count; `value` is then the default."""


async def load_settings(connection: Queryable) -> Settings:
    """Read the settings of the engine. Those of services are looked at as well: one that is broken is a problem."""
    values: dict[str, Any] = {}
    queues: dict[str, Value] = {}
    problems: list[str] = []
    for name, text, changed_at, changed_by in await connection.fetch(SELECT_SETTINGS):
        setting, value, problem = _read(name, text)
        if problem is not None:
            problems.append(problem)
        elif name in SETTINGS:
            values[name] = value
        elif name.startswith("queue_"):
            queues[name] = value
        if setting is not None and name == "paused" and value is True:
            values |= {"paused_by": changed_by, "paused_since": changed_at}
    return Settings(**values, queues=queues, problems=(*problems_of_declarations(), *problems))


async def load_group(connection: Queryable, group: SettingGroup, kind: Callable[..., Group]) -> Group:
    """Read the settings of a group into an object of the service's own.

    `kind` is a dataclass whose fields are named as the settings are and have their defaults; only what was set is
    given to it. A value that an edit by hand has broken stands at its default (`load_settings` names it).
    """
    names = {setting.name for setting in group.settings}
    values = {row[0]: _read(row[0], row[1])[1] for row in await connection.fetch(SELECT_SETTINGS) if row[0] in names}
    return kind(**values)


async def set_setting(connection: Queryable, name: str, value: object, by: str) -> SettingRow:
    """Set one setting, from a value of its type or from text, and return it as it now stands.

    Raises:
        InvalidInput: there is no such setting, or the value is not in its range.
    """
    setting = find_setting(name)
    checked = setting.check(value)
    await connection.fetch(WRITE_SETTING, setting.name, json.dumps(checked), printable(by))
    return await get_setting(connection, setting.name)


async def reset_setting(connection: Queryable, name: str) -> SettingRow:
    """Set one setting back to its default and return it.

    Raises:
        InvalidInput: there is no such setting, neither known nor in the table.
    """
    try:
        setting = find_setting(name)
    except InvalidInput:
        # What stands in the table without being a setting goes away as well: so its problem does.
        if await connection.fetch(DELETE_SETTING, name):
            return SettingRow(name, name, "", "", "", "", "no setting of jobrunner's")
        raise
    await connection.fetch(DELETE_SETTING, setting.name)
    return _row(setting)


async def get_setting(connection: Queryable, name: str) -> SettingRow:
    """Return one setting.

    Raises:
        InvalidInput: there is no such setting.
    """
    setting = find_setting(name)
    for row in await connection.fetch(SELECT_SETTINGS):
        if row[0] == setting.name:
            return _row(setting, row)
    return _row(setting)


async def list_settings(connection: Queryable) -> list[SettingRow]:
    """Return every setting in the order of the screen, then those of each queue that is usual, used or set.

    Rows of the table that are no settings come last, with their problem.
    """
    stored = {row[0]: row for row in await connection.fetch(SELECT_SETTINGS)}
    used = [row[0] for row in await connection.fetch(LIST_QUEUES)]
    known = {setting.name: setting for _, setting in settings_by_group()}
    for queue in dict.fromkeys((*USUAL_QUEUES, *used)):
        known |= {setting.name: setting for setting in settings_of_queue(queue)}
    strangers: list[SettingRow] = []
    for name, text, changed_at, changed_by in stored.values():
        if name not in known:
            setting, _, problem = _read(name, text)
            if setting is not None:
                known[name] = setting
            else:
                strangers.append(SettingRow(name, name, text, "", "", "", "", "", changed_at, changed_by, problem))
    return [_row(setting, stored.get(name)) for name, setting in known.items()] + strangers


def _row(setting: Setting, stored: Any = None) -> SettingRow:
    row = SettingRow(
        name=setting.name,
        label=setting.label,
        value=setting.default,
        default=setting.default,
        unit=setting.unit,
        range=setting.range,
        meaning=setting.meaning,
        group=group_of(setting.name),
    )
    if stored is None:
        return row
    name, text, changed_at, changed_by = stored
    _, value, problem = _read(name, text)
    return replace(row, value=value, changed_at=changed_at, changed_by=changed_by, problem=problem)


def _read(name: str, text: str) -> tuple[Setting | None, Value, str | None]:
    """Return a stored setting, its value or else its default, and what is wrong with it."""
    try:
        setting = find_setting(name)
        if setting.name != name:
            raise InvalidInput(f"there is no setting {name!r}; did you mean {setting.name}?")
    except InvalidInput as error:
        return None, text, f"{error} (a row of the table jobrunner.setting; `jobrunner settings reset` removes it)"
    try:
        # Text is for the command line: in the table a number is a number.
        value = json.loads(text, parse_constant=str)
        if isinstance(value, str) and setting.kind not in TEXT_KINDS:
            raise setting.refusal(value)
        return setting, setting.check(value), None
    except (InvalidInput, ValueError) as error:
        default = json.dumps(setting.default)
        return setting, setting.default, f"{error} (in the table jobrunner.setting); {default} counts instead"

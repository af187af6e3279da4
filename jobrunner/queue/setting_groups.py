"""All settings there are: the engine's own, and those that services and installed packages declare.

A package declares groups by an entry point `jobrunner.settings` that names a tuple of `SettingGroup`
(`jobrunner.services.settings:GROUPS` is ours). The engine knows none of them by name.
"""

import re
from collections.abc import Iterator
from functools import cache
from importlib.metadata import EntryPoint, entry_points
from json import dumps

from jobrunner.definitions import LONGEST_QUEUE
from jobrunner.errors import InvalidInput, nearest
from jobrunner.queue.engine_settings import (
    MAIN_QUEUE,
    QUEUE_PORTION,
    QUEUE_PORTIONS,
    SETTINGS,
    USUAL_QUEUES,
    queue_setting,
    settings_of_queue,
)
from jobrunner.queue.setting import Setting, SettingGroup, Value

ENTRY_POINT_GROUP = "jobrunner.settings"
OWN = "jobrunner.services.settings:GROUPS"
ENGINE_GROUP = "Jobs"
QUEUE_SETTING = re.compile(r"queue_(?P<queue>.+)_(?P<what>max_portion|concurrency|weight)", re.DOTALL)


@cache
def _declared() -> tuple[dict[str, tuple[SettingGroup, ...]], tuple[str, ...]]:
    points = list(entry_points(group=ENTRY_POINT_GROUP))
    if OWN not in [point.value for point in points]:
        points.insert(0, EntryPoint("jobrunner", OWN, ENTRY_POINT_GROUP))
    groups: dict[str, tuple[SettingGroup, ...]] = {}
    problems: list[str] = []
    taken = set(SETTINGS)
    for point in points:
        try:
            given: tuple[SettingGroup, ...] = tuple(point.load())
            names = [setting.name for group in given for setting in group.settings]
            if again := taken & set(names):
                raise InvalidInput(f"there is a setting {min(again)} already")
        except Exception as error:  # a package that is no good holds up nobody
            problems.append(f"the settings {point.value!r} could not be loaded ({error}): they are left out")
            continue
        groups[point.value] = given
        taken |= set(names)
    return groups, tuple(problems)


def declared_groups() -> list[SettingGroup]:
    """Return the groups that services and packages declare, ours first."""
    return [group for groups in _declared()[0].values() for group in groups]


def problems_of_declarations() -> tuple[str, ...]:
    """Return one sentence for each package whose settings could not be loaded."""
    return _declared()[1]


def settings_by_group() -> Iterator[tuple[str, Setting]]:
    """Yield every setting that is not a queue's with the name of its group, in the order of the screen."""
    for setting in SETTINGS.values():
        yield ENGINE_GROUP, setting
    for group in declared_groups():
        for setting in group.settings:
            yield group.name, setting


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
        known = {setting.name: setting for _, setting in settings_by_group()}
        if snake in known:
            return known[snake]
        hint = nearest(
            name[:100],
            [*known, *(setting.name for queue in USUAL_QUEUES for setting in settings_of_queue(queue))],
        )
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


def group_of(name: str) -> str:
    """Return the name of the group that a setting stands in."""
    return next((group for group, setting in settings_by_group() if setting.name == name), ENGINE_GROUP)


def reference(group: SettingGroup | None = None) -> str:
    """Return the table of a group's settings in Markdown, as docs/settings.md has it; without one, of the engine's."""
    lines = ["| name | label | default | range | meaning |", "| --- | --- | --- | --- | --- |"]
    settings = (*SETTINGS.values(), *settings_of_queue("NAME")) if group is None else group.settings
    lines += [f"| `{one.name}` | {one.label} | {_default(one)} | {one.range} | {one.meaning} |" for one in settings]
    return "\n".join(lines)


def _default(setting: Setting) -> str:
    match setting.name:
        case "jobs_run_in_parallel":
            return "where the platform can"
        case "queue_NAME_max_portion":
            own = ", ".join(f"{queue} {portion}" for queue, portion in QUEUE_PORTIONS.items())
            return f"{QUEUE_PORTION} ({own})"
    return shown(setting.default)


def shown(value: Value) -> str:
    """Return a value as it is typed."""
    match value:
        case str():
            return value
        case tuple():
            return ", ".join(value)
    return dumps(value)

"""The administrator's settings of the clean-up: its own, and the periods of all that services declare."""

from jobrunner.db.queryable import Queryable
from jobrunner.errors import ConfigurationError
from jobrunner.queue.cleanup_target import CleanupTarget
from jobrunner.queue.engine_settings import SETTINGS
from jobrunner.queue.setting import Setting, SettingGroup, Value
from jobrunner.queue.settings import SettingRow, list_settings

TIME_LIMIT = Setting(
    "cleanup_time_limit",
    "Cleanup Time Limit",
    "whole number",
    60,
    "How long one run of Cleanup may take. What is left then goes with the next run.",
    "min",
    1,
    1200,
)

KEPT_RUNS = Setting(
    "cleanup_kept_runs",
    "Cleanup Kept Runs",
    "whole number",
    10,
    "How many of the newest runs of each scheduled job stay in its log, whatever their age.",
    "runs",
    0,
    1000,
)
"""Read in SQL (`jobrunner.kept_runs()`)."""


def settings_group(targets: tuple[CleanupTarget, ...], elsewhere: tuple[SettingGroup, ...]) -> SettingGroup:
    """Return the group of the screen, with the period of each target that stands in no other group."""
    known = {*SETTINGS, *(setting.name for group in elsewhere for setting in group.settings)}
    periods = {
        target.period.name: target.period
        for target in targets
        if isinstance(target.period, Setting) and target.period.name not in known
    }
    return SettingGroup("Cleanup", (TIME_LIMIT, KEPT_RUNS, *periods.values()))


async def load_periods(connection: Queryable) -> dict[str, SettingRow]:
    """Read all settings, by name."""
    return {row.name: row for row in await list_settings(connection)}


def kept(target: CleanupTarget, rows: dict[str, SettingRow]) -> str | None:
    """Return how long a target's rows are kept, None for ever.

    Raises:
        ConfigurationError: somebody has written by hand what is no period. Its default does not count here: what it
            would remove may be what they meant to keep.
    """
    values: dict[str, Value] = {}
    if isinstance(target.period, Setting) and (row := rows.get(target.period.name)) is not None:
        if row.problem is not None:
            raise ConfigurationError(
                f"how long {target.name} are kept is not known, and none are removed: "
                f"{row.problem.partition(' (in the table')[0]}; `jobrunner settings set {row.name}` puts it right"
            )
        values[row.name] = row.value
    return target.kept(values)

"""All clean-up targets there are: those of services, and those that installed packages declare.

A package declares by an entry point `jobrunner.cleanup` a tuple of `CleanupTarget`
(`jobrunner.services.cleanup_targets:TARGETS` is ours).
"""

from functools import cache
from importlib.metadata import EntryPoint, entry_points

from jobrunner.errors import ConfigurationError, InvalidInput, nearest
from jobrunner.queue.cleanup_target import CleanupTarget

ENTRY_POINT_GROUP = "jobrunner.cleanup"
OWN = "jobrunner.services.cleanup_targets:TARGETS"


@cache
def _declared() -> tuple[tuple[CleanupTarget, ...], tuple[str, ...]]:
    points = list(entry_points(group=ENTRY_POINT_GROUP))
    if OWN not in [point.value for point in points]:
        points.append(EntryPoint("jobrunner", OWN, ENTRY_POINT_GROUP))
    # An application's rows may refer to ours, never the other way: they go first.
    points.sort(key=lambda point: (point.value == OWN, point.value))
    found: dict[str, CleanupTarget] = {}
    problems: list[str] = []
    for point in points:
        try:
            given: tuple[CleanupTarget, ...] = tuple(point.load())
            for target in given:
                if target.name in found:
                    raise ConfigurationError(f"there is a clean-up target {target.name} already")
            found |= {target.name: target for target in given}
        except Exception as error:  # a package that is no good holds up nobody
            problems.append(f"the clean-up targets {point.value!r} could not be loaded ({error}): they are left out")
    return tuple(found.values()), tuple(problems)


def cleanup_targets() -> tuple[CleanupTarget, ...]:
    """Return all targets, in the order in which they are cleaned: what refers to other rows comes before these."""
    return _declared()[0]


def problems_of_targets() -> tuple[str, ...]:
    """Return one sentence for each package whose targets could not be loaded."""
    return _declared()[1]


def choose_targets(names: list[str] | None) -> tuple[CleanupTarget, ...]:
    """Return the targets of these names, in their order; all for None.

    Raises:
        InvalidInput: there is none of that name; with the nearest ones.
    """
    targets = cleanup_targets()
    if names is None:
        return targets
    wanted = {name.strip().lower().replace("_", "-") for name in names} - {""}
    known = [target.name for target in targets]
    for name in sorted(wanted - set(known)):
        near = nearest(name[:100], known)
        hint = near if "did you mean" in near else "; `jobrunner cleanup targets` lists them"
        raise InvalidInput(f"there is no clean-up target {name[:100]!r}{hint}")
    if not wanted:
        raise InvalidInput("name the clean-up targets, or leave `only` away for all of them")
    return tuple(target for target in targets if target.name in wanted)

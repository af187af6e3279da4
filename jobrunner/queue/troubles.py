"""What is wrong with services: each tells it itself, and `jobrunner status` says it.

A package declares by an entry point `jobrunner.troubles` a tuple of functions (`jobrunner.services.troubles:LOOKS` is
ours). Each is given a connection and returns a sentence for every fault by which its work is held up now: an account
that is paused since its login was refused, say. What a person has ordered is no fault. So the engine need not know what
a service is about. One that takes a second argument is given the configuration of whoever asks, for keys and the like.
"""

import inspect
import logging
from collections.abc import Awaitable, Callable, Sequence
from functools import cache
from importlib.metadata import EntryPoint, entry_points

from jobrunner.config import Configuration
from jobrunner.db.connection import TRANSIENT
from jobrunner.db.queryable import Queryable
from jobrunner.imports import in_turn

logger = logging.getLogger(__name__)

ENTRY_POINT_GROUP = "jobrunner.troubles"
OWN = "jobrunner.services.troubles:LOOKS"

Look = Callable[..., Awaitable[Sequence[str]]]
"""Takes a connection, and a configuration if it needs one."""


async def list_troubles(connection: Queryable, configuration: Configuration | None = None) -> list[str]:
    """Ask all services, and return a sentence for each of their troubles; one that cannot tell is a trouble itself.

    Without a configuration those that need one are not asked.
    """
    looks, sentences = await in_turn(_declared)
    troubles = list(sentences)
    for name, look in looks:
        try:
            if len(inspect.signature(look).parameters) < 2:
                troubles += await look(connection)
            elif configuration is not None:
                troubles += await look(connection, configuration)
        except TRANSIENT:
            raise
        except Exception as error:  # a service that is no good hides no other
            logger.debug("%s failed", name, exc_info=True)
            told = " ".join(str(error).split())[:300] or type(error).__name__
            troubles.append(f"whether a service is in trouble could not be seen ({name}): {told}")
    return troubles


@cache
def _declared() -> tuple[tuple[tuple[str, Look], ...], tuple[str, ...]]:
    points = list(entry_points(group=ENTRY_POINT_GROUP))
    if OWN not in [point.value for point in points]:
        points.insert(0, EntryPoint("jobrunner", OWN, ENTRY_POINT_GROUP))
    looks: list[tuple[str, Look]] = []
    sentences: list[str] = []
    for point in points:
        try:
            given: tuple[Look, ...] = tuple(point.load())
            looks += [(f"{point.value.partition(':')[0]}, {look.__name__}", look) for look in given]
        except Exception as error:
            sentences.append(f"the troubles of {point.value!r} could not be loaded ({error}): they are not seen")
    return tuple(looks), tuple(sentences)

"""Services that are started and stopped as one."""

import logging
from collections.abc import Sequence

from jobrunner.lifecycle.service import Service

logger = logging.getLogger(__name__)


class Group(Service):
    """Parts that belong together: started in order, stopped in reverse.

    A start that fails half-way stops the parts that had started. When a part fails, the group fails with the
    same error. Each part keeps its own stop limit; one that does not stop well is logged, the others are
    stopped all the same, and then the first such error is raised.
    """

    stop_limit = None

    def __init__(self, *parts: Service, name: str | None = None) -> None:
        super().__init__(name)
        self.parts: Sequence[Service] = parts
        self.answer_for(*parts)

    @property
    def healthy(self) -> bool:
        """Whether it runs and each of its parts does its work."""
        return self.running and all(part.healthy for part in self.parts)

    async def _start(self) -> None:
        for part in self.parts:
            await part.start()

    async def _stop(self) -> None:
        first_error: Exception | None = None
        for part in reversed(self.parts):
            try:
                await part.stop()
            except Exception as error:
                logger.error("%s did not stop well: %s", part.name, error, exc_info=error)
                first_error = first_error or error
        if first_error is not None:
            raise first_error

"""The definitions that this process knows."""

import logging
import threading
from collections.abc import Iterable, Iterator

from jobrunner.definitions.definition import Definition
from jobrunner.definitions.importing import Import, in_given_up_import, modules_of_jobs
from jobrunner.errors import ConfigurationError, UnknownDefinition

log = logging.getLogger("jobrunner.definitions")


class Registry:
    """The definitions that this process knows, by name."""

    def __init__(self) -> None:
        self._definitions: dict[str, Definition] = {}
        self._lock = threading.Lock()
        self.problems: list[str] = []
        """One sentence for each module that could not be loaded or name that was taken."""

    def __iter__(self) -> Iterator[Definition]:
        return iter(sorted(self._definitions.values(), key=lambda definition: definition.name))

    def __contains__(self, name: str) -> bool:
        return name in self._definitions

    def names(self) -> list[str]:
        """Return all names, sorted."""
        return sorted(self._definitions)

    def get(self, name: str) -> Definition | None:
        """Return the definition of exactly that name, or None."""
        return self._definitions.get(name)

    def find(self, name: str) -> Definition:
        """Return the definition by CamelCase or kebab-case name.

        Raises:
            UnknownDefinition: with the nearest names.
        """
        if name in self._definitions:
            return self._definitions[name]
        for definition in self._definitions.values():
            if plain_name(definition.name) == plain_name(name):
                return definition
        raise UnknownDefinition(name, self._definitions)

    def add(self, definition: Definition) -> None:
        """Register a definition.

        Raises:
            ConfigurationError: another function has the name.
        """
        with self._lock:
            if in_given_up_import():
                return  # it was said that its jobs are left out
            former = self._definitions.get(definition.name)
            same = former and (former.module, former.function.__qualname__) == (
                definition.module,
                definition.function.__qualname__,
            )
            if former and not same:
                raise ConfigurationError(
                    f"two jobs are named {definition.name!r}: {former.module}.{former.function.__qualname__} and "
                    f"{definition.module}.{definition.function.__qualname__}; rename one"
                )
            self._definitions[definition.name] = definition

    def load(self, modules: Iterable[str] = ()) -> None:
        """Import the entry points' modules and the given ones.

        What fails is named in `problems`, and the jobs that it had registered by then are taken out again; the rest
        loads.
        """
        for name in dict.fromkeys([*modules_of_jobs(), *modules]):
            before = set(self._definitions.values())
            importing = Import(name)
            problem = importing.problem()
            if problem:
                with self._lock:
                    self._definitions = {
                        definition.name: definition
                        for definition in self._definitions.values()
                        if definition in before or not importing.left_out(definition.module)
                    }
                self.problems.append(problem)
                log.error("%s", problem)


registry = Registry()
"""What `@job` fills."""


def plain_name(name: str) -> str:
    """Return what CamelCase, kebab-case and snake_case of one name have in common."""
    return name.replace("-", "").replace("_", "").lower()

"""The samples of a run: of each figure and system one value a round, of which the median counts."""

import statistics
from collections import defaultdict
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


class Samples:
    """Values by figure and system."""

    def __init__(self) -> None:
        self._values: dict[tuple[str, str], list[float]] = defaultdict(list)

    def add(self, figure: str, system: str, value: float) -> None:
        """Keep a round's value."""
        self._values[figure, system].append(value)

    def median(self, figure: str, system: str) -> float:
        """Return the median of a figure's rounds."""
        return statistics.median(self._values[figure, system])

    def most(self, figure: str, system: str) -> float:
        """Return the largest value of a figure's rounds."""
        return max(self._values[figure, system])

    def has(self, figure: str, system: str) -> bool:
        """Whether the figure was measured for the system."""
        return (figure, system) in self._values

    def ratio(self, figure: str, system: str, other: str) -> float:
        """Return the median of the rounds' ratios of two systems: what both had in the same minute is compared."""
        pairs = zip(self._values[figure, system], self._values[figure, other], strict=True)
        return statistics.median(value / beside for value, beside in pairs)


def percentile(values: list[float], share: float) -> float:
    """Return the value that this share of all values does not exceed."""
    ordered = sorted(values)
    return ordered[min(int(share * len(ordered)), len(ordered) - 1)]


def turns(everybody: Sequence[T], number: int) -> list[T]:
    """Return all, another one first in each round, so that no system always runs after the same other one."""
    first = number % len(everybody)
    return [*everybody[first:], *everybody[:first]]

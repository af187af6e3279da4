"""What a clean-up has done, or would do, of each target."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Any

ENOUGH_REFERRED = 1000
"""Rows of one target that may be found to be referred to still, before a run gives that target up."""


@dataclass(slots=True)
class TargetReport:
    """One target. `rows` are those that went; of a dry run those that would go."""

    target: str
    what: str
    kept: str | None
    """How long its rows are kept; None for ever."""
    rows: int = 0
    octets: int | None = None
    seconds: float = 0.0
    referred: Counter[str] = field(default_factory=Counter)
    """Rows that stay since a table still refers to them, by that table."""
    note: str | None = None
    """Why something was left."""
    error: str | None = None
    """Why it failed."""

    def as_dict(self) -> dict[str, Any]:
        """Return what is kept as the job's result: nothing that is not worth a word."""
        told: dict[str, Any] = {"rows": self.rows, "seconds": round(self.seconds, 3)}
        told |= {} if self.octets is None else {"octets": self.octets}
        told |= {"referred": dict(self.referred)} if self.referred else {}
        told |= {"note": self.note} if self.note else {}
        return told | ({"error": self.error} if self.error else {})

    def __str__(self) -> str:
        words = [f"{self.rows} removed in {self.seconds:.1f} s"]
        if self.octets:
            words.append(f"{self.octets} bytes of files")
        words += [f"{count} still referred to by {table}" for table, count in sorted(self.referred.items())]
        return ", ".join([*words, *([self.note] if self.note else [])])


@dataclass(slots=True)
class Report:
    """One run."""

    targets: list[TargetReport] = field(default_factory=list)
    is_dry: bool = False
    has_more: bool = False
    """It came to its end before all was done: the next run goes on."""

    @property
    def rows(self) -> int:
        """Rows that went, or would go."""
        return sum(one.rows for one in self.targets)

    @property
    def failed(self) -> list[TargetReport]:
        """The targets that failed."""
        return [one for one in self.targets if one.error is not None]

    def as_dict(self) -> dict[str, Any]:
        """Return it as the job's result."""
        told: dict[str, Any] = {"would_remove" if self.is_dry else "removed": self.rows}
        if self.has_more:
            told["has_more"] = True
        return told | {"targets": {one.target: one.as_dict() for one in self.targets}}

"""What a run that sends mails has done."""

from dataclasses import asdict, dataclass
from typing import Any


@dataclass
class Report:
    """What a run has done, by number of what it told of; parts that count more add to it."""

    sent: int = 0
    postponed: int = 0
    failed: int = 0
    skipped: int = 0
    uncertain: int = 0
    lost: int = 0
    """That a run which is gone had left in doubt; they are due again."""
    has_more: bool = False
    """More is due: the next run is queued."""
    held: str | None = None
    """Why the account sends nothing more for now; what is due waits."""

    @property
    def found_nothing(self) -> bool:
        """Whether there was nothing to do."""
        return not any(asdict(self).values())

    def as_dict(self) -> dict[str, Any]:
        """Return what stands in the job's result."""
        return asdict(self)

    def __str__(self) -> str:
        counts = {name: count for name, count in asdict(self).items() if name not in ("has_more", "held")}
        words = [f"{count} {name}" for name, count in counts.items() if count]
        if self.held is not None:
            words.append(f"held back: {self.held}")
        return ", ".join(words) or "nothing was due"

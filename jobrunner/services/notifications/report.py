"""What one run has done."""

from dataclasses import asdict, dataclass


@dataclass
class Report:
    """What a run has done, by number of notifications."""

    sent: int = 0
    mails: int = 0
    """That the sent ones are in."""
    postponed: int = 0
    failed: int = 0
    skipped: int = 0
    missed: int = 0
    uncertain: int = 0
    lost: int = 0
    """That a run which is gone had left in doubt; they are due again."""
    has_more: bool = False
    """More is due: the next run is queued."""
    held: str | None = None
    """Why the account sends nothing for now; what is due waits."""

    @property
    def found_nothing(self) -> bool:
        """Whether there was nothing to do."""
        return not any(asdict(self).values())

    def __str__(self) -> str:
        words = [
            f"{count} {name}" for name, count in asdict(self).items() if count and name not in ("has_more", "held")
        ]
        if self.held is not None:
            words.append(f"held back: {self.held}")
        return ", ".join(words) or "nothing was due"

"""What one run has done."""

from dataclasses import dataclass

from jobrunner.services.mail import report


@dataclass
class Report(report.Report):
    """What a run has done, by number of notifications."""

    mails: int = 0
    """That the sent ones are in."""
    missed: int = 0

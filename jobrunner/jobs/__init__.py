"""The jobs out of the box. Importing this package defines them all; what they work with is imported when they run."""

from jobrunner.jobs import send_email_reminders

__all__ = ["send_email_reminders"]

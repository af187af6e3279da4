"""The jobs out of the box. Importing this package defines them all; what they work with is imported when they run."""

from jobrunner.jobs import process_mass_email, send_email_notifications, send_email_reminders

__all__ = ["process_mass_email", "send_email_notifications", "send_email_reminders"]

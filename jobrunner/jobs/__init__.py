"""The jobs out of the box. Importing this package defines them all; what they work with is imported when they run."""

from jobrunner.jobs import (
    check_email_accounts,
    check_inbound_emails,
    process_mass_email,
    send_email_notifications,
    send_email_reminders,
)

__all__ = [
    "check_email_accounts",
    "check_inbound_emails",
    "process_mass_email",
    "send_email_notifications",
    "send_email_reminders",
]

"""What is wrong with our services, for `jobrunner status`: each tells it in a module of its own.

The engine finds these by the entry point `jobrunner.troubles` (see `jobrunner.queue.troubles`).
"""

from jobrunner.services.cleanup.troubles import list_disk_troubles
from jobrunner.services.key_troubles import list_key_troubles
from jobrunner.services.mail.accounts.troubles import list_sending_troubles
from jobrunner.services.mail.importing.storing.missing_files import list_missing_file_troubles
from jobrunner.services.mailbox.accounts.troubles import list_fetching_troubles
from jobrunner.services.mailbox.sent.troubles import list_storing_troubles
from jobrunner.services.massmail.troubles import list_link_troubles, list_mailing_troubles
from jobrunner.services.notifications.troubles import list_notification_troubles
from jobrunner.services.popups.troubles import list_popup_troubles
from jobrunner.services.reminders.troubles import list_reminder_link_troubles, list_reminder_troubles
from jobrunner.services.webhooks.troubles import list_webhook_troubles

LOOKS = (
    list_key_troubles,
    list_sending_troubles,
    list_fetching_troubles,
    list_storing_troubles,
    list_webhook_troubles,
    list_popup_troubles,
    list_reminder_troubles,
    list_reminder_link_troubles,
    list_notification_troubles,
    list_disk_troubles,
    list_missing_file_troubles,
    list_mailing_troubles,
    list_link_troubles,
)

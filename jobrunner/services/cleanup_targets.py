"""What the job Cleanup removes, in the order in which it goes: what refers to other rows comes before these.

Each part declares its own, in a module of its own beside its code; they are found by the entry point
`jobrunner.cleanup`.
"""

from jobrunner.queue import finished
from jobrunner.services.mail import cleanup as mail
from jobrunner.services.mailbox import cleanup as mailbox
from jobrunner.services.massmail import cleanup as massmail
from jobrunner.services.notifications import cleanup as notifications
from jobrunner.services.records import cleanup as records
from jobrunner.services.reminders import cleanup as reminders
from jobrunner.services.webhooks import cleanup as webhooks

TARGETS = (
    *finished.TARGETS,
    *webhooks.TARGETS,
    *reminders.TARGETS,
    *notifications.TARGETS,
    *massmail.TARGETS,
    *records.TARGETS,
    *mailbox.TARGETS,
    *mail.TARGETS,
)

"""The settings that services declare, in the order of the screen: each service has its group in its own `settings.py`.

The engine finds them by the entry point `jobrunner.settings`, so that it need not know what they are about.
"""

from jobrunner.services.cleanup.settings import settings_group
from jobrunner.services.cleanup_targets import TARGETS
from jobrunner.services.knowledge.settings import KNOWLEDGE_BASE
from jobrunner.services.mail.settings import MAIL_SERVERS
from jobrunner.services.mailbox.settings import MAIL_IN
from jobrunner.services.massmail.settings import MASS_MAIL
from jobrunner.services.notifications.settings import EMAIL_NOTIFICATIONS
from jobrunner.services.popups.settings import POPUPS
from jobrunner.services.webhooks.settings import WEBHOOKS

_BEFORE = (MASS_MAIL, MAIL_SERVERS, MAIL_IN, EMAIL_NOTIFICATIONS, WEBHOOKS, POPUPS, KNOWLEDGE_BASE)
GROUPS = (*_BEFORE, settings_group(TARGETS, _BEFORE))

"""The administrator's settings of e-mail notifications."""

from dataclasses import dataclass

from jobrunner.db.queryable import Queryable
from jobrunner.queue.setting import Setting, SettingGroup
from jobrunner.queue.settings import load_group

NOTE_TYPES = ("Post", "Status", "EmailReceived")
"""What happens in a record's stream and can be mailed."""

EMAIL_NOTIFICATIONS = SettingGroup(
    "E-mail notifications",
    (
        Setting(
            "email_notifications_delay",
            "Email Notifications Delay",
            "whole number",
            30,
            "How long a notification may be read in the application before it is mailed, and for how long what happens "
            "to one record is gathered in one mail. Those that wait already keep the delay they began with.",
            "s",
            0,
            18_000,
        ),
        Setting(
            "stream_email_notifications",
            "Stream Email Notifications",
            "yes or no",
            False,
            "Users are mailed what happens in the streams of records: posts, changes of status, e-mails.",
        ),
        Setting(
            "portal_stream_email_notifications",
            "Portal Stream Email Notifications",
            "yes or no",
            True,
            "The same for users of a portal.",
        ),
        Setting(
            "mention_email_notifications",
            "Mention Email Notifications",
            "yes or no",
            False,
            "Users are mailed posts that mention them.",
        ),
        Setting(
            "assignment_email_notifications",
            "Assignment Email Notifications",
            "yes or no",
            False,
            "Users are mailed what is assigned to them, at once.",
        ),
        Setting(
            "stream_email_notifications_entity_list",
            "Stream Email Notifications Entity List",
            "words",
            ("Case",),
            "The types of records whose streams are mailed. Posts that belong to no record are mailed always.",
        ),
        Setting(
            "stream_email_notifications_type_list",
            "Stream Email Notifications Type List",
            "words",
            NOTE_TYPES,
            "What of a stream is mailed.",
            choices=NOTE_TYPES,
        ),
        Setting(
            "stream_email_notifications_email_received_entity_type_list",
            "Stream Email Notifications Email Received Entity Type List",
            "words",
            (),
            "The types of records whose e-mails are told of, among those whose streams are mailed; empty for all.",
        ),
        Setting(
            "assignment_email_notifications_entity_list",
            "Assignment Email Notifications Entity List",
            "words",
            ("Lead", "Opportunity", "Task", "Case"),
            "The types of records whose assignment is mailed.",
        ),
        Setting(
            "notification_batch",
            "Notification Batch",
            "whole number",
            1000,
            "The most notifications that one run of the job looks at; the next run follows at once.",
            "notifications",
            1,
            100_000,
        ),
        Setting(
            "notification_max_age",
            "Notification Max Age",
            "whole number",
            24,
            "How old a notification may be that is still mailed. Older ones are counted as missed.",
            "h",
            1,
            720,
        ),
    ),
)
"""The group as the settings list shows it."""


@dataclass(frozen=True, slots=True)
class NotificationSettings:
    """The settings of e-mail notifications at one moment. Made with no arguments, it holds the defaults."""

    email_notifications_delay: int = 30
    """Seconds; `jobrunner.notification_delay()` reads it in SQL."""
    stream_email_notifications: bool = False
    portal_stream_email_notifications: bool = True
    mention_email_notifications: bool = False
    assignment_email_notifications: bool = False
    stream_email_notifications_entity_list: tuple[str, ...] = ("Case",)
    stream_email_notifications_type_list: tuple[str, ...] = NOTE_TYPES
    stream_email_notifications_email_received_entity_type_list: tuple[str, ...] = ()
    """Empty for all."""
    assignment_email_notifications_entity_list: tuple[str, ...] = ("Lead", "Opportunity", "Task", "Case")
    notification_batch: int = 1000
    notification_max_age: int = 24
    """Hours."""


async def load_notification_settings(connection: Queryable) -> NotificationSettings:
    """Read the settings of e-mail notifications."""
    return await load_group(connection, EMAIL_NOTIFICATIONS, NotificationSettings)

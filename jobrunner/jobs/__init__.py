"""The jobs out of the box. Importing this package defines them all; what they work with is imported when they run."""

from jobrunner.jobs import (
    check_email_accounts,
    check_inbound_emails,
    cleanup,
    control_knowledge_base_article_status,
    follow_up_mail,
    process_mass_email,
    process_webhook_queue,
    send_auto_replies,
    send_email_notifications,
    send_email_reminders,
    settle_mailing_report,
    store_sent_emails,
    submit_popup_reminders,
)

__all__ = [
    "check_email_accounts",
    "check_inbound_emails",
    "cleanup",
    "control_knowledge_base_article_status",
    "follow_up_mail",
    "process_mass_email",
    "process_webhook_queue",
    "send_auto_replies",
    "send_email_notifications",
    "send_email_reminders",
    "settle_mailing_report",
    "store_sent_emails",
    "submit_popup_reminders",
]

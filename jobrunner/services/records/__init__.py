"""The business rows that jobs work on: users, accounts, contacts, leads, meetings, calls, tasks and attendees.

An application fills the tables of the schema `jobrunner`, from Python by the functions here or in SQL, or it puts views
over its own tables in their place. Ids are text, so that its own fit, whatever they are. Reminders follow by
themselves: triggers on the tables call `jobrunner.plan_reminders()`; where there is a view, the application does.

Each function takes an asyncpg connection and writes in the caller's transaction, if there is one.
"""

from jobrunner.services.records.events import (
    add_call,
    add_meeting,
    add_task,
    invite,
    move,
    plan,
    remove,
    set_acceptance,
    set_reminders,
    set_status,
)
from jobrunner.services.records.lists import EntityType, ReminderType
from jobrunner.services.records.persons import add_account, add_contact, add_lead
from jobrunner.services.records.users import add_user

__all__ = [
    "EntityType",
    "ReminderType",
    "add_account",
    "add_call",
    "add_contact",
    "add_lead",
    "add_meeting",
    "add_task",
    "add_user",
    "invite",
    "move",
    "plan",
    "remove",
    "set_acceptance",
    "set_reminders",
    "set_status",
]

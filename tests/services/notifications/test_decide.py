"""What is mailed and what is not, one filter after the other."""

from typing import Any

import pytest

from jobrunner.services.notifications.decide import decide, reason_to_skip
from jobrunner.services.notifications.settings import NotificationSettings
from tests.services.notifications.conftest import notification

ON: dict[str, Any] = {
    "stream_email_notifications": True,
    "mention_email_notifications": True,
    "assignment_email_notifications": True,
}
PORTAL = {"is_portal_user": True}
ASSIGNMENT = {"type": "Assignment", "parent_type": "Task", "data": {}, "related_type": None, "related_id": None}
MENTION = {"type": "Mention"}
STATUS = {"type": "Status", "data": {"old": "New", "new": "Closed"}}
EMAIL = {"type": "EmailReceived", "data": {"from": "zed@example.net", "to": ["help@example.org"], "cc": []}}
WITHOUT_RECORD = {"parent_type": None, "parent_id": None, "parent_name": None}

# settings that differ from "all on", what is changed of a post in a case, the reason
FILTERS: dict[str, tuple[dict[str, Any], dict[str, Any], str | None]] = {
    "a post": ({}, {}, None),
    "a change of status": ({}, STATUS, None),
    "an e-mail": ({}, EMAIL, None),
    "a mention": ({}, MENTION, None),
    "an assignment": ({}, ASSIGNMENT, None),
    "read": ({}, {"read": True}, "read before it was sent"),
    "user gone": ({}, {"user_name": None, "user_is_active": None, "email": None}, "the user is gone"),
    "user inactive": ({}, {"user_is_active": False}, "the user is not active"),
    "no address": ({}, {"email": None}, "the user has no address"),
    "own act": ({}, {"actor_id": "ann"}, "it is the user's own act"),
    "own assignment": ({}, ASSIGNMENT | {"actor_id": "ann"}, "it is the user's own act"),
    "nobody's act": ({}, {"actor_id": None, "actor_name": None}, None),
    "another type": ({}, {"type": "System"}, "notifications of the type System are not mailed"),
    "record gone": ({}, {"record_is_gone": True}, "the record does not exist"),
    "no access": ({}, {"may_see": False}, "the user may not see the record"),
    "no access to what mentions": ({}, MENTION | {"may_see": False}, "the user may not see the record"),
    "mailed already": ({}, {"is_known": True}, "the user was mailed of it already"),
    # stream
    "stream off": ({"stream_email_notifications": False}, {}, "stream mails to users are switched off"),
    "stream off, mention": ({"stream_email_notifications": False}, MENTION, None),
    "stream off, portal": ({"stream_email_notifications": False}, PORTAL, None),
    "portal off": (
        {"portal_stream_email_notifications": False},
        PORTAL,
        "stream mails to users of a portal are switched off",
    ),
    "portal off, staff": ({"portal_stream_email_notifications": False}, {}, None),
    "type not listed": (
        {"stream_email_notifications_type_list": ("Post",)},
        STATUS,
        "stream mails of the type Status are switched off",
    ),
    "record's type not listed": ({}, {"parent_type": "Account"}, "streams of the type Account are not mailed"),
    "record's type listed": (
        {"stream_email_notifications_entity_list": ("Account",)},
        {"parent_type": "Account"},
        None,
    ),
    "no record": ({"stream_email_notifications_entity_list": ()}, WITHOUT_RECORD, None),
    "no stream wanted": ({}, {"wants_stream": False}, "the user wants no stream mails"),
    "no stream wanted, mention": ({}, MENTION | {"wants_stream": False}, None),
    "internal, staff": ({}, {"data": {"post": "x", "internal": True}}, None),
    "internal, portal": (
        {},
        PORTAL | {"data": {"post": "x", "internal": True}},
        "it is internal, and the user is of a portal",
    ),
    # e-mails
    "e-mail's record not listed": (
        {"stream_email_notifications_email_received_entity_type_list": ("Lead",)},
        EMAIL,
        "e-mails of the type Case are not mailed",
    ),
    "e-mail's record listed": (
        {"stream_email_notifications_email_received_entity_type_list": ("Case",)},
        EMAIL,
        None,
    ),
    "post, e-mails not listed": (
        {"stream_email_notifications_email_received_entity_type_list": ("Lead",)},
        {},
        None,
    ),
    "among To": (
        {},
        EMAIL | {"data": {"to": ["Ann <ANN@Example.org>", "help@example.org"]}},
        "that e-mail was addressed to the user",
    ),
    "among Cc, as one text": (
        {},
        EMAIL | {"data": {"cc": "bob@example.org, ann@example.org"}},
        "that e-mail was addressed to the user",
    ),
    "another address of the user": (
        {},
        EMAIL | {"data": {"to": ["ann@bücher.example"]}, "addresses": ["ann@xn--bcher-kva.example"]},
        "that e-mail was addressed to the user",
    ),
    "sent by the user": ({}, EMAIL | {"data": {"from": "Ann <ann@example.org>"}}, "the user sent that e-mail"),
    "nonsense as addresses": ({}, EMAIL | {"data": {"to": [1, None, "x@", {}], "cc": 7, "from": "@@"}}, None),
    # mentions
    "mentions off": ({"mention_email_notifications": False}, MENTION, "mails of mentions are switched off"),
    "mentions, portal": ({}, MENTION | PORTAL, "users of a portal get no mails of mentions"),
    "no mentions wanted": ({}, MENTION | {"wants_mentions": False}, "the user wants no mails of mentions"),
    "mention, whatever the record's type": ({}, MENTION | {"parent_type": "Account"}, None),
    # assignments
    "assignments off": ({"assignment_email_notifications": False}, ASSIGNMENT, "assignment mails are switched off"),
    "assignment, portal": ({}, ASSIGNMENT | PORTAL, "users of a portal get no assignment mails"),
    "assignment's type not listed": (
        {},
        ASSIGNMENT | {"parent_type": "Meeting"},
        "assignments of the type Meeting are not mailed",
    ),
    "no assignments wanted": ({}, ASSIGNMENT | {"wants_assignments": False}, "the user wants no assignment mails"),
    "type ignored": (
        {},
        ASSIGNMENT | {"ignored_types": ["Case", "Task"]},
        "the user wants no assignment mails of the type Task",
    ),
    "another type ignored": ({}, ASSIGNMENT | {"ignored_types": ["Case"]}, None),
    "still assigned": ({}, ASSIGNMENT | {"assigned_user_ids": ["bob", "ann"]}, None),
    "not assigned any more": (
        {},
        ASSIGNMENT | {"assigned_user_ids": ["bob"]},
        "it is not assigned to the user any more",
    ),
    "assigned to nobody": (
        {},
        ASSIGNMENT | {"assigned_user_ids": [None]},
        "it is not assigned to the user any more",
    ),
}


@pytest.mark.parametrize("name", FILTERS)
def test_each_filter(name: str):
    settings, changes, reason = FILTERS[name]
    assert reason_to_skip(notification(**changes), NotificationSettings(**(ON | settings))) == reason


def test_by_default_only_users_of_a_portal_are_mailed():
    settings = NotificationSettings()
    mailed = {
        (portal, kind)
        for portal in (False, True)
        for kind, changes in {"post": {}, "mention": MENTION, "assignment": ASSIGNMENT}.items()
        if reason_to_skip(notification(**{**changes, "is_portal_user": portal}), settings) is None
    }
    assert mailed == {(True, "post")}


def test_a_mention_stands_in_place_of_the_note_itself():
    post, mention = notification(number=1), notification(number=2, **MENTION)
    other = notification(number=3, related_id="n2")
    mailed, reasons = decide([post, mention, other], NotificationSettings(**ON))
    assert [one.number for one in mailed] == [2, 3]
    assert reasons == {1: "a mention of the user in the same note is mailed instead"}


def test_a_mention_that_is_not_mailed_replaces_nothing():
    post, mention = notification(number=1), notification(number=2, **MENTION)
    mailed, reasons = decide([post, mention], NotificationSettings(stream_email_notifications=True))
    assert [one.number for one in mailed] == [1]
    assert reasons == {2: "mails of mentions are switched off"}


def test_nobody_is_told_twice_of_one_note():
    notes = [notification(number=1), notification(number=2), notification(number=3, related_type=None, related_id=None)]
    mailed, reasons = decide(notes, NotificationSettings(**ON))
    assert [one.number for one in mailed] == [1, 3]
    assert reasons == {2: "the same mail tells of it already"}

"""Which notifications are mailed, and why the others are not. Pure: all facts come in."""

from collections.abc import Iterable, Sequence
from email.utils import getaddresses

from jobrunner.errors import InvalidInput
from jobrunner.services.mail.address import parse_address
from jobrunner.services.notifications.rows import Notification
from jobrunner.services.notifications.settings import NOTE_TYPES, NotificationSettings
from jobrunner.services.records.addresses import address_key

GONE = "the record does not exist"


def decide(
    notifications: Sequence[Notification], settings: NotificationSettings
) -> tuple[list[Notification], dict[int, str]]:
    """Return those that are mailed, and for each of the others, by its number, the reason."""
    mailed: list[Notification] = []
    reasons: dict[int, str] = {}
    for one in notifications:
        if reason := reason_to_skip(one, settings):
            reasons[one.number] = reason
        else:
            mailed.append(one)
    return _once_for_each_note(mailed, reasons), reasons


def reason_to_skip(one: Notification, settings: NotificationSettings) -> str | None:
    """Return why a notification is not mailed, whatever else its user is notified of; None where it is."""
    reasons = (
        (one.read, "read before it was sent"),
        (one.user_name is None, "the user is gone"),
        (not one.user_is_active, "the user is not active"),
        (not one.email, "the user has no address"),
        (one.actor_id == one.user_id, "it is the user's own act"),
    )
    if first := _first(reasons):
        return first
    match one.type:
        case "Assignment":
            reason = _about_assignment(one, settings)
        case "Mention":
            reason = _about_mention(one, settings)
        case kind if kind in NOTE_TYPES:
            reason = _about_note(one, settings)
        case kind:
            reason = f"notifications of the type {kind} are not mailed"
    return reason or _first(
        (
            (one.record_is_gone, GONE),
            (not one.may_see, "the user may not see the record"),
            (one.is_known, "the user was mailed of it already"),
        )
    )


def _about_assignment(one: Notification, settings: NotificationSettings) -> str | None:
    listed = settings.assignment_email_notifications_entity_list
    assigned = one.assigned_user_ids
    return _first(
        (
            (not settings.assignment_email_notifications, "assignment mails are switched off"),
            (one.is_portal_user, "users of a portal get no assignment mails"),
            (one.parent_type not in listed, f"assignments of the type {one.parent_type} are not mailed"),
            (not one.wants_assignments, "the user wants no assignment mails"),
            (one.parent_type in one.ignored_types, f"the user wants no assignment mails of the type {one.parent_type}"),
            (one.record_is_gone, GONE),
            (assigned is not None and one.user_id not in assigned, "it is not assigned to the user any more"),
        )
    )


def _about_mention(one: Notification, settings: NotificationSettings) -> str | None:
    return _first(
        (
            (not settings.mention_email_notifications, "mails of mentions are switched off"),
            (one.is_portal_user, "users of a portal get no mails of mentions"),
            (not one.wants_mentions, "the user wants no mails of mentions"),
        )
    )


def _about_note(one: Notification, settings: NotificationSettings) -> str | None:
    switched_on = (
        settings.portal_stream_email_notifications if one.is_portal_user else settings.stream_email_notifications
    )
    whose = "users of a portal" if one.is_portal_user else "users"
    streams = settings.stream_email_notifications_entity_list
    return _first(
        (
            (not switched_on, f"stream mails to {whose} are switched off"),
            (
                one.type not in settings.stream_email_notifications_type_list,
                f"stream mails of the type {one.type} are switched off",
            ),
            (
                one.parent_type is not None and one.parent_type not in streams,
                f"streams of the type {one.parent_type} are not mailed",
            ),
            (not one.wants_stream, "the user wants no stream mails"),
            (one.is_portal_user and one.data.get("internal") is True, "it is internal, and the user is of a portal"),
        )
    ) or (_about_email(one, settings) if one.type == "EmailReceived" else None)


def _about_email(one: Notification, settings: NotificationSettings) -> str | None:
    listed = settings.stream_email_notifications_email_received_entity_type_list
    own = _keys(one.addresses) | _keys([one.email])
    return _first(
        (
            (bool(listed) and one.parent_type not in listed, f"e-mails of the type {one.parent_type} are not mailed"),
            (bool(own & _keys([one.data.get("from")])), "the user sent that e-mail"),
            (bool(own & _keys([one.data.get("to"), one.data.get("cc")])), "that e-mail was addressed to the user"),
        )
    )


def _once_for_each_note(mailed: list[Notification], reasons: dict[int, str]) -> list[Notification]:
    """Leave out what tells of the same note again; a mention of it stands before all else."""
    kept: list[Notification] = []
    mentions = {one.related for one in mailed if one.type == "Mention" and one.related is not None}
    seen: set[tuple[str, str]] = set()
    for one in mailed:
        if one.type == "Assignment" or one.related is None:
            kept.append(one)
        elif one.type != "Mention" and one.related in mentions:
            reasons[one.number] = "a mention of the user in the same note is mailed instead"
        elif one.related in seen:
            reasons[one.number] = "the same mail tells of it already"
        else:
            seen.add(one.related)
            kept.append(one)
    return kept


def _first(reasons: Iterable[tuple[bool, str]]) -> str | None:
    return next((reason for applies, reason in reasons if applies), None)


def _keys(given: Iterable[object]) -> set[str]:
    """Return the keys of all addresses in texts such as `Ann <ann@example.com>, bob@example.com`, or lists of such."""
    texts = [text for item in given for text in (item if isinstance(item, list | tuple) else [item])]
    keys = set()
    for _, address in getaddresses([text for text in texts if isinstance(text, str)]):
        try:
            keys.add(address_key(parse_address(address)))
        except InvalidInput:
            continue
    return keys

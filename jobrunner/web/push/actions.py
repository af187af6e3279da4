"""What a page may say: that popups were seen, dismissed, snoozed."""

import json
from typing import Any

from jobrunner.db.queryable import Queryable
from jobrunner.errors import InvalidInput
from jobrunner.services.popups.popups import MOST_SHOWN, dismiss, see, snooze
from jobrunner.web.limits import MESSAGE_LIMIT

LARGEST_ID = 2**63 - 1


def parse(text: str | bytes) -> dict[str, Any]:
    """Return the message, a JSON object.

    Raises:
        InvalidInput: it is none, or too long.
    """
    if len(text.encode() if isinstance(text, str) else text) > MESSAGE_LIMIT:
        raise InvalidInput(f"a message has at most {MESSAGE_LIMIT} bytes")
    try:
        message = json.loads(text)
    except (ValueError, RecursionError):
        message = None
    if not isinstance(message, dict):
        raise InvalidInput("a message is a JSON object")
    return message


async def act(connection: Queryable, user: str, message: dict[str, Any]) -> None:
    """Do what a message asks for: {"seen": [id, …]}, {"dismiss": [id, …]}, or {"snooze": id, "minutes": 10 or null}.

    What is not the user's, or not open any more, is left alone: another page may have been quicker.

    Raises:
        InvalidInput: it asks for something else.
    """
    match message:
        case {"seen": list(ids)}:
            await see(connection, user, _ids(ids))
        case {"dismiss": list(ids)}:
            await dismiss(connection, user, _ids(ids))
        case {"snooze": id, "minutes": int() | None as minutes} if not isinstance(minutes, bool):
            await snooze(connection, user, _ids([id])[0], minutes)
        case _:
            raise InvalidInput("a message says seen, dismiss or snooze")


def _ids(given: list[Any]) -> list[int]:
    if len(given) > MOST_SHOWN or not all(type(id) is int and 0 < id <= LARGEST_ID for id in given):
        raise InvalidInput(f"a popup is named by its id, a number; at most {MOST_SHOWN} at a time")
    return given

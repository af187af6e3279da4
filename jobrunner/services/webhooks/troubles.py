"""Webhooks that do not get through, for `jobrunner status`."""

from jobrunner.db.queryable import Queryable
from jobrunner.db.sql import load
from jobrunner.queue.wording import moment
from jobrunner.services.webhooks.naming import label

LIST_TROUBLES = load(__package__, "list_troubles")

FAILING = 4
"""Failures in a row after which a webhook is in trouble; its owner is told then, too."""


async def list_webhook_troubles(connection: Queryable) -> list[str]:
    """Return a sentence for each webhook that is disabled, cannot be signed for, or fails again and again."""
    sentences = []
    for row in await connection.fetch(LIST_TROUBLES, FAILING):
        name = label(row["id"], row["event"], row["url"])
        if row["health"] == "disabled":
            sentences.append(
                f"{name} gets nothing: {row['reason']}; `jobrunner webhook enable {row['id']}` lets it go on"
            )
        elif row["health"] == "unsignable":
            sentences.append(f"{name} gets nothing, since a daemon cannot sign for it: {row['reason']}")
        else:
            sentences.append(
                f"{name} has failed {row['failures']} times in a row: {row['reason']}; it is tried again at "
                f"{moment(row['next_attempt_at'])}"
            )
    return sentences

"""Which messages are fetched together."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from jobrunner.services.mail.imap.mailbox import Details

BATCH_MESSAGES = 100
BATCH_OCTETS = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Plan:
    """What `Mailbox.fetch` takes, and what comes by `Mailbox.windows`."""

    batches: Sequence[Sequence[int]]
    octets: int
    """The most that a batch is to hold."""
    large: Sequence[Details]
    """Those larger than a batch."""


def plan_batches(
    messages: Iterable[Details], *, most_messages: int = BATCH_MESSAGES, most_octets: int = BATCH_OCTETS
) -> Plan:
    """Return a plan by the sizes that the server gave; the messages stay in their order."""
    batches: list[list[int]] = []
    large: list[Details] = []
    room = 0
    for message in messages:
        if message.size > most_octets:
            large.append(message)
            continue
        if not batches or message.size > room or len(batches[-1]) == most_messages:
            batches.append([])
            room = most_octets
        batches[-1].append(message.uid)
        room -= message.size
    return Plan(batches, most_octets, large)


def uid_set(uids: Iterable[int]) -> str:
    """Return UIDs, ascending, as a command names them: `1:5,7`."""
    runs: list[list[int]] = []
    for uid in uids:
        if runs and uid == runs[-1][1] + 1:
            runs[-1][1] = uid
        else:
            runs.append([uid, uid])
    return ",".join(str(first) if first == last else f"{first}:{last}" for first, last in runs)

"""Accounts by which nothing goes out for now, though nobody has ordered that."""

import shlex

from jobrunner.db.queryable import Queryable
from jobrunner.services.mail.accounts.loading import SYSTEM
from jobrunner.services.mail.accounts.state import State, read_states
from jobrunner.services.mail.accounts.table import list_accounts


async def list_sending_troubles(connection: Queryable) -> list[str]:
    """Return a sentence for each account in use that a fault holds back: why, until when, and what helps."""
    held = {key: state for key, state in (await read_states(connection)).items() if state.is_held_by_fault}
    if not held:
        return []
    accounts = await list_accounts(connection)
    names = {one.key: one.name for one in accounts if one.status == "Active"}
    if not any(one.kind == "System" for one in accounts):  # then it is the configuration's
        names[SYSTEM] = SYSTEM
    return [sentence(names[key], state) for key, state in held.items() if key in names]


def sentence(name: str, state: State) -> str:
    """Return why an account sends nothing, until when, and what helps."""
    if not state.needs_a_person:
        helps = "it goes on by itself"
    elif state.paused_kind == "person":
        helps = f"`jobrunner smtp-account resume {shlex.quote(name)}` ends that"
    else:
        helps = f"mend it, then `jobrunner smtp-account test {shlex.quote(name)} --to ADDRESS` ends that"
    return f"the SMTP account {name!r} is held back: {state.why_held}; {helps}"

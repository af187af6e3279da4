"""Accounts that are not read for now, or not in all their folders, though nobody has ordered that."""

import shlex
from typing import get_args

from jobrunner.db.queryable import Queryable
from jobrunner.queue.wording import moment
from jobrunner.services.mail.importing.storing.outcome import Kind
from jobrunner.services.mailbox.accounts.loading import COMMANDS
from jobrunner.services.mailbox.accounts.state import State, read_states
from jobrunner.services.mailbox.accounts.table import list_accounts


async def list_fetching_troubles(connection: Queryable) -> list[str]:
    """Return a sentence for each account in use that a fault holds back, or a folder of it: why, and what helps."""
    sentences: list[str] = []
    for kind in get_args(Kind):
        held = {id: state for id, state in (await read_states(connection, kind)).items() if _is_in_trouble(state)}
        if not held:
            continue
        sentences += [
            _sentence(account.name, COMMANDS[kind], held[account.id])
            for account in await list_accounts(connection, kind)
            if account.id in held and account.status == "Active" and account.use_imap
        ]
    return sentences


def _is_in_trouble(state: State) -> bool:
    if state.paused_kind == "person":
        return False
    return state.paused_kind is not None or state.retry_at is not None or state.folder_trouble is not None


def _sentence(name: str, command: str, state: State) -> str:
    account = f"the {command.replace('-', ' ').replace('email', 'e-mail')} {name!r} is"
    if state.paused_kind is not None:
        quoted = shlex.quote(name)
        advice = (
            f"`jobrunner {command} test {quoted}` looks what is wrong, `jobrunner {command} resume {quoted}` ends that"
        )
        return f"{account} not read: paused: {state.pause_reason}; {advice}"
    if state.retry_at is None:
        return f"{account} read, but {state.folder_trouble}"
    return f"{account} not read until {moment(state.retry_at)}: {state.last_trouble}; it is tried again by itself"

"""Choosing who gets a case."""

from typing import Any

from jobrunner.db.sql import load
from jobrunner.services.mailbox.follow_ups.facts import AccountFacts

FIND_ACTIVE_USER = load(__package__, "find_active_user")
LOCK_TEAM = load(__package__, "lock_team")
PICKS = {name: load(__package__, statement) for name, statement in (
    ("Round-Robin", "pick_next_in_turn"),
    ("Least-Busy", "pick_least_busy"),
)}  # fmt: skip


async def choose_assignee(connection: Any, account: AccountFacts) -> str | None:
    """Return the user who gets the next case of an account, None for nobody; in the caller's transaction.

    Until that ends nobody else picks from the same team.
    """
    if account.case_distribution == "Direct-Assignment":
        rows = await connection.fetch(FIND_ACTIVE_USER, account.assign_to_user_id)
    elif account.case_distribution in PICKS and account.team_id is not None:
        await connection.fetch(LOCK_TEAM, account.team_id)
        # A statement of its own: it sees what the one who held the team has committed.
        rows = await connection.fetch(PICKS[account.case_distribution], account.team_id, account.target_user_position)
    else:
        return None
    return rows[0]["user_id"] if rows else None

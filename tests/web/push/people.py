"""Users with popups, and tokens for their pages."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from jobrunner.db.secrets import Key, Keyring
from jobrunner.queue.popup_token import popup_token
from jobrunner.services.popups.run import Run
from jobrunner.services.records import add_meeting, add_user
from tests.services.popups.support import lender
from tests.web.conftest import SECRET

KEYRING = Keyring([Key.parse(SECRET, "the key")])


@dataclass
class Person:
    """A user."""

    connection: Any
    id: str

    async def token(self, **lifetime: int) -> str:
        return await popup_token(self.connection, KEYRING, self.id, timedelta(**lifetime or {"minutes": 1}))

    async def bearer(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {await self.token()}"}

    async def popup(self, name: str) -> int:
        """Let a popup of a meeting be due, and return its id."""
        start = await self.connection.fetchval("SELECT now() + interval '10 minutes'")
        meeting = await add_meeting(self.connection, name, start, attendees=[self.id], reminders=[("Popup", 3600)])
        await Run(lender(self.connection)).submit()
        id: int = await self.connection.fetchval(
            "SELECT id FROM jobrunner.reminder WHERE entity_id = $1 AND state = 'Due'", meeting
        )
        return id


async def add_person(connection: Any, name: str, **options: Any) -> Person:
    return Person(connection, await add_user(connection, name, None, **options))

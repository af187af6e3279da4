"""Lists and their members for tests of mass mail."""

from collections.abc import Awaitable, Callable

import pytest

from jobrunner.services.massmail.lists.members import TargetType, add_members
from jobrunner.services.massmail.lists.rows import add_target_list
from jobrunner.services.records import add_account, add_contact, add_lead, add_user

Person = Callable[..., Awaitable[str]]


@pytest.fixture
def person(connection) -> Person:
    """Add a person of a type with an address; return the id."""

    async def add(kind: TargetType, email: str | None, name: str = "P", **more: object) -> str:
        match kind:
            case "Account":
                return await add_account(connection, name, email, **more)
            case "Contact":
                return await add_contact(connection, None, name, email, **more)
            case "Lead":
                return await add_lead(connection, None, name, email, **more)
            case "User":
                return await add_user(connection, name, email, **more)

    return add


@pytest.fixture
def make_list(connection):
    """Add a list with members given as (type, id); return its id."""

    async def make(name: str, *members: tuple[TargetType, str]) -> int:
        target_list = await add_target_list(connection, name, by="ada")
        for kind, target_id in members:
            assert (await add_members(connection, target_list.id, kind, [target_id])).added == 1
        return target_list.id

    return make

"""Ann, who has popups."""

from typing import Any

import pytest

from tests.web.push.people import Person, add_person


@pytest.fixture
async def ann(connection: Any) -> Person:
    return await add_person(connection, "Ann")

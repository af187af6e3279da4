"""A receiver, keys, and a daemon that sends to the one and signs with the others."""

from collections.abc import AsyncIterator

import pytest

from tests.e2e.house import House, make_keys
from tests.e2e.receiver import Receiver


@pytest.fixture(scope="session")
def keys() -> dict[str, str]:
    """The private keys by their selectors."""
    rsa, ed25519 = make_keys()
    return {"rsa2026": rsa, "ed2026": ed25519}


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    server = await receiver.listen()
    yield receiver
    server.close()
    await server.wait_closed()


@pytest.fixture
async def house(database_url: str, receiver: Receiver, keys: dict[str, str]) -> AsyncIterator[House]:
    """Signs with RSA."""
    house = House(database_url, receiver.port, {"rsa2026": keys["rsa2026"]})
    try:
        await house.open()
        yield house
    finally:
        await house.close()

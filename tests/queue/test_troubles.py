"""Services tell their troubles: how they are found, and what a bad one does to the others."""

import pytest

from jobrunner.config import load
from jobrunner.queue import troubles
from jobrunner.queue.troubles import ENTRY_POINT_GROUP, list_troubles
from jobrunner.services import troubles as services


async def wrong(connection):
    raise LookupError("no such\ntable")


async def full(connection):
    return ["the disk is full"]


LOOKS = (wrong, full)
NONE = None


@pytest.fixture
def declare(monkeypatch):
    """Installed packages declare these."""

    def set_points(*values):
        points = [troubles.EntryPoint("x", value, ENTRY_POINT_GROUP) for value in values]
        monkeypatch.setattr(troubles, "entry_points", lambda group: points)
        troubles._declared.cache_clear()

    yield set_points
    troubles._declared.cache_clear()


async def test_one_that_fails_is_told_and_hides_no_other(connection, declare):
    declare("tests.queue.test_troubles:LOOKS", "tests.queue.test_troubles:NONE", "tests.nowhere:LOOKS")
    told = await list_troubles(connection)
    assert "the disk is full" in told
    assert "whether a service is in trouble could not be seen (tests.queue.test_troubles, wrong): no such table" in told
    assert sum("could not be loaded" in one for one in told) == 2


async def keyless(connection, configuration):
    return [f"no key in {configuration.data_dir}"]


KEYLESS = (keyless,)


async def test_one_that_needs_the_configuration_is_asked_with_it(connection, declare, tmp_path):
    declare("tests.queue.test_troubles:KEYLESS")
    assert await list_troubles(connection) == []
    assert await list_troubles(connection, load(data_dir=tmp_path)) == [f"no key in {tmp_path}"]


async def test_ours_are_there_without_being_installed(connection, declare):
    declare()
    assert await list_troubles(connection) == []
    assert [look for _, look in troubles._declared()[0]] == list(services.LOOKS)

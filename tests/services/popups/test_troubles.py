"""Popups that are due and that nobody makes visible are said by `jobrunner status`."""

from typing import Any

from jobrunner.queue.overview import overview
from jobrunner.queue.settings import set_setting
from jobrunner.services.popups.run import Run
from jobrunner.services.popups.troubles import list_popup_troubles
from jobrunner.services.records import add_user
from tests.services.popups.support import lender
from tests.services.popups.test_run import meet, pass_by


async def test_popups_that_wait_though_they_are_due_are_a_trouble_until_they_are_shown(connection: Any):
    ann = await add_user(connection, "Ann", None)
    assert await list_popup_troubles(connection) == []
    await meet(connection, ann, ahead="20 hours")
    await connection.execute("UPDATE jobrunner.reminder SET next_attempt_at = now()")
    assert await list_popup_troubles(connection) == [], "its job is on its way"
    await connection.execute("UPDATE jobrunner.reminder SET next_attempt_at = now() - interval '3 minutes'")

    (told,) = await list_popup_troubles(connection)
    assert told.startswith("1 popup should be shown since 20")
    assert "SubmitPopupReminders did not run" in told
    [exceptional] = [one for one in (await overview(connection)).exceptions if one.code == "ServiceTrouble"]
    assert exceptional.sentence == told
    await set_setting(connection, "paused", True, "ada")
    assert await list_popup_troubles(connection) == [], "the pause is told, not what comes of it"
    await set_setting(connection, "paused", False, "ada")

    await Run(lender(connection)).submit()
    assert await list_popup_troubles(connection) == [], "that no page of hers is open is none"


async def test_what_is_shown_no_more_is_no_trouble(connection: Any):
    ann = await add_user(connection, "Ann", None)
    await meet(connection, ann)
    await pass_by(connection, "3 days")
    assert await list_popup_troubles(connection) == []

"""What `jobrunner status` says of webhooks."""

from jobrunner.services.troubles import LOOKS
from jobrunner.services.webhooks.troubles import list_webhook_troubles
from tests.services.webhooks.stage import Stage, answers


async def told(stage: Stage) -> list[str]:
    async with stage.connect() as connection:
        return await list_webhook_troubles(connection)


async def test_those_that_fail_and_those_that_are_disabled(stage: Stage):
    assert list_webhook_troubles in LOOKS
    stage.endpoints.answers["/a"] = answers(500)
    stage.endpoints.answers["/b"] = answers(410)
    await stage.webhook()
    await stage.emit(1)
    for _ in range(3):
        await stage.run()
        await stage.pass_time(days=2)
    assert await told(stage) == []
    await stage.webhook(path="/b")
    await stage.emit(2)
    await stage.run()
    failing, disabled = await told(stage)
    assert failing.startswith("webhook 1 (E.create to 127.0.0.1:")
    assert "has failed 4 times in a row: answered with 500; it is tried again at " in failing
    assert "gets nothing: answered with 410: it is gone for good; `jobrunner webhook enable 2`" in disabled
    await stage.pool.execute("UPDATE jobrunner.webhook SET active = false")
    assert await told(stage) == [], "somebody wants it so"

"""The table of webhooks."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from standardwebhooks import Webhook as Verifier

from jobrunner.db.secrets import rotation
from jobrunner.errors import Conflict, InvalidInput, NotFound
from jobrunner.services.webhooks.table import (
    WebhookEntry,
    add_webhook,
    edit_webhook,
    enable_webhook,
    find_webhook,
    list_webhooks,
    remove_webhook,
    rotate_secret,
)
from tests.services.webhooks.stage import SOMEBODY_WAITS, Stage, answers
from tests.support.daemons import until


async def change(stage: Stage, webhook: int, **changes: Any) -> Any:
    async with stage.connect() as connection:
        return await edit_webhook(connection, await stage.settings(), str(webhook), changes)


async def test_what_is_added(stage: Stage):
    await stage.user("ann")
    webhook = await stage.webhook(
        "Account.fieldUpdate.status", owner_id="ann", description="to the shop", skip_own=True
    )
    async with stage.connect() as connection:
        (record,) = await list_webhooks(connection)
    assert (record.id, record.owner, record.description, record.skip_own) == (webhook, "ann", "to the shop", True)
    assert (record.format, record.active, record.health, record.waiting, record.secrets) == (
        "array",
        True,
        "healthy",
        0,
        1,
    )
    assert record.name == f"webhook {webhook} (Account.fieldUpdate.status to 127.0.0.1:{stage.endpoints.port})"
    assert await stage.of(webhook, "entity_type", "type", "field") == ("Account", "fieldUpdate", "status")


async def test_its_secret_is_sealed(stage: Stage):
    webhook = await stage.webhook()
    secret = stage.secrets[webhook]
    assert secret.startswith("whsec_")
    sealed = await stage.pool.fetchval("SELECT secret FROM jobrunner.webhook_secret")
    assert secret not in sealed
    async with stage.connect() as connection:
        uses = await rotation.key_uses(connection, stage.keyring)
    assert [use.values for use in uses] == [1], "`secrets rotate` knows of it"


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"event": "Account create"}, "an event is named by words"),
        ({"event": "*.create"}, "an event is named by words"),
        ({"url": "ftp://example.org/"}, "must begin with https:// or http://"),
        ({"url": "https://user:word@example.org/"}, "must name no user"),
        ({"url": "http://10.1.2.3/"}, "webhook_allowed_hosts"),
        ({"url": "http://localhost/"}, "webhook_allowed_hosts"),
        ({"format": "xml"}, "must be array or standard"),
        ({"skip_own": True}, "give --owner"),
        ({"owner_id": "nobody"}, "there is no user"),
        ({"description": "x" * 1001}, "at most 1000 letters"),
    ],
)
async def test_what_is_refused(stage: Stage, values: dict[str, Any], words: str):
    entry = WebhookEntry(**{"event": "Account.create", "url": "https://example.org/"} | values)
    async with stage.connect() as connection:
        with pytest.raises(InvalidInput, match=words) as refused:
            await add_webhook(connection, stage.keyring, await stage.settings(), entry)
    assert "word@" not in str(refused.value)
    assert await stage.pool.fetchval("SELECT count(*) FROM jobrunner.webhook") == 0


async def test_http_may_be_forbidden(stage: Stage):
    await stage.setting("webhook_https_only", True)
    with pytest.raises(InvalidInput, match="https://"):
        await stage.webhook()


async def test_a_wrong_secret_is_refused_and_not_told(stage: Stage):
    with pytest.raises(InvalidInput, match="a secret must be whsec_") as refused:
        await stage.webhook(secret="hush-hush")
    assert "hush-hush" not in str(refused.value)


async def test_edits(stage: Stage):
    webhook = await stage.webhook(description="old")
    record = await change(stage, webhook, description=None, format="standard", strict_order=True)
    assert (record.description, record.format, record.strict_order, record.revision) == (None, "standard", True, 2)
    with pytest.raises(InvalidInput, match="webhook_allowed_hosts"):
        await change(stage, webhook, url="http://169.254.169.254/")


async def test_a_url_that_is_forbidden_by_now_stops_no_other_edit(stage: Stage):
    webhook = await stage.webhook()
    await stage.setting("webhook_allowed_hosts", "")
    assert not (await change(stage, webhook, active=False)).active


async def test_another_url_is_tried_at_once(stage: Stage):
    stage.endpoints.answers["/a"] = answers(500)
    webhook = await stage.webhook()
    await stage.emit(1)
    await stage.run()
    await stage.pool.execute("DELETE FROM jobrunner.job")
    await change(stage, webhook, url=stage.endpoints.url("/b"))
    assert await stage.pool.fetchval("SELECT count(*) FROM jobrunner.job") == 1, "the job is woken"
    await stage.pass_time(seconds=10)
    await stage.run()
    assert stage.endpoints.numbers("/b") == [1]


async def test_enabling_lets_it_go_on(stage: Stage):
    stage.endpoints.answers["/a"] = answers(500)
    webhook = await stage.webhook()
    await stage.emit(1)
    await stage.run()
    await stage.pool.execute(
        "UPDATE jobrunner.webhook SET health = 'disabled', disabled_reason = 'too long', active = false"
    )
    assert await stage.of(webhook, "off_since IS NOT NULL")
    await stage.pool.execute("DELETE FROM jobrunner.job")
    stage.endpoints.answers.clear()
    async with stage.connect() as connection:
        record = await enable_webhook(connection, str(webhook))
    assert (record.health, record.active, record.failures, record.disabled_reason) == ("healthy", True, 0, None)
    assert await stage.of(webhook, "off_since") is None
    assert await stage.pool.fetchval("SELECT count(*) FROM jobrunner.job") == 1, "the job is woken"
    await stage.pass_time(seconds=10)
    await stage.run()
    assert stage.endpoints.numbers("/a") == [1, 1]


async def test_removing(stage: Stage):
    webhook = await stage.webhook()
    async with stage.connect() as connection:
        assert (await remove_webhook(connection, str(webhook))).id == webhook
        assert await list_webhooks(connection) == []
        for name in (str(webhook), "0x1", "", "9" * 30):
            with pytest.raises(NotFound, match="webhook list"):
                await find_webhook(connection, name)
    assert await stage.pool.fetchval("SELECT count(*) FROM jobrunner.webhook_secret") == 0


async def test_a_removed_owner_takes_webhooks_along(stage: Stage):
    await stage.user("ann")
    await stage.webhook(owner_id="ann")
    await stage.pool.execute("DELETE FROM jobrunner.app_user")
    assert await stage.pool.fetchval("SELECT count(*) FROM jobrunner.webhook") == 0
    assert await stage.pool.fetchval("SELECT count(*) FROM jobrunner.webhook_subscription") == 0


# Secrets


async def rotate(stage: Stage, webhook: int, **overlap: float) -> str:
    async with stage.connect() as connection:
        _, secret = await rotate_secret(connection, stage.keyring, str(webhook), overlap=timedelta(**overlap))
    return secret


async def signatures(stage: Stage, webhook: int, number: int) -> int:
    await stage.emit(number)
    await stage.run()
    return len(stage.endpoints.arrivals[-1].headers["webhook-signature"].split(" "))


async def test_of_two_who_rotate_at_the_same_moment_one_is_told_so(stage: Stage):
    webhook = await stage.webhook()
    async with stage.connect() as first, first.transaction():
        await rotate_secret(first, stage.keyring, str(webhook), overlap=timedelta(hours=24))
        second = asyncio.create_task(rotate(stage, webhook, hours=24))
        await until(stage.pool, SOMEBODY_WAITS)
    with pytest.raises(Conflict, match="somebody else has rotated the secret"):
        await second
    assert await signatures(stage, webhook, 1) == 2


async def test_the_former_secret_signs_beside_the_new_one(stage: Stage):
    webhook = await stage.webhook()
    former = stage.secrets[webhook]
    new = await rotate(stage, webhook, hours=24)
    assert await signatures(stage, webhook, 1) == 2
    arrival = stage.endpoints.arrivals[-1]
    for secret in (former, new):
        Verifier(secret).verify(arrival.body, arrival.headers)
    newest = arrival.headers["webhook-signature"].split(" ")[0]
    Verifier(new).verify(arrival.body, {**arrival.headers, "webhook-signature": newest})
    await stage.pool.execute("UPDATE jobrunner.webhook_secret SET valid_until = now() WHERE valid_until IS NOT NULL")
    assert await signatures(stage, webhook, 2) == 1


async def test_rotated_now_the_former_ones_are_gone(stage: Stage):
    webhook = await stage.webhook()
    await rotate(stage, webhook, hours=24)
    await rotate(stage, webhook)
    assert await signatures(stage, webhook, 1) == 1
    assert await stage.pool.fetchval("SELECT count(*) FROM jobrunner.webhook_secret WHERE valid_until > now()") == 0


async def test_at_most_five_former_ones_sign(stage: Stage):
    webhook = await stage.webhook()
    for _ in range(8):
        await rotate(stage, webhook, hours=24)
    assert await signatures(stage, webhook, 1) == 6


async def test_a_user_owns_so_many_at_most(stage: Stage):
    await stage.user("ann")
    await stage.user("bob")
    await stage.setting("webhook_max_per_user", 2)
    first, _ = await stage.webhook(owner_id="ann"), await stage.webhook(owner_id="ann")
    bobs, nobodys = await stage.webhook(owner_id="bob"), await stage.webhook()
    words = r"the user ann owns 2 webhooks, and may own 2 \(webhook_max_per_user\): remove one"
    with pytest.raises(Conflict, match=words):
        await stage.webhook(owner_id="ann")
    for webhook in (bobs, nobodys):
        with pytest.raises(Conflict, match=words):
            await change(stage, webhook, owner_id="ann")
    assert (await change(stage, first, description="the first")).owner == "ann", "what there is may be changed"
    assert (await change(stage, first, owner_id="bob")).owner == "bob"
    await stage.webhook(owner_id="ann")
    for _ in range(3):
        await stage.webhook()
    await stage.setting("webhook_max_per_user", 0)
    await stage.webhook(owner_id="ann")

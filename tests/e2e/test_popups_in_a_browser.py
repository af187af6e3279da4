"""Popups in a real browser: pages of an application, connected to two daemons."""

import os
import re
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import expect

from jobrunner import Client
from jobrunner.db.secrets import Key
from jobrunner.services.records import add_meeting, add_user
from tests.e2e.browser import Application, chromium, page_of
from tests.support.daemons import DaemonProcess, until
from tests.support.ports import free_port

SECRET = Key.new().text


@asynccontextmanager
async def daemons(
    database_url: str, site_url: str, *names: str, port: int | None = None
) -> AsyncIterator[dict[str, DaemonProcess]]:
    running = {
        name: DaemonProcess(
            database_url,
            imports="json",
            name=name,
            http__enabled=True,
            http__port=port or free_port(),
            site_url=site_url,
            secret_key=SECRET,
        )
        for name in names
    }
    try:
        for daemon in running.values():
            await daemon.ready()
        yield running
    finally:
        for daemon in running.values():
            if daemon.process.poll() is None:
                daemon.kill()


def url_of(daemon: DaemonProcess) -> str:
    found = re.search(r"HTTP: (http://127\.0\.0\.1:\d+)", daemon.log)
    assert found is not None
    return found[1]


async def test_it_comes_at_its_moment_and_goes_from_every_page(
    database_url: str,
    connection: Any,
    require_tool: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
):
    """Two pages, each connected to another daemon; the popup is dismissed on the one, snoozed on the other."""
    monkeypatch.setenv("JOBRUNNER_SECRET_KEY", SECRET)
    ann = await add_user(connection, "Ann", None, time_zone="Europe/Berlin")
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(Client(database_url))
        browser = await stack.enter_async_context(chromium(require_tool("chromium")))
        application = await stack.enter_async_context(Application(client, ann).serve())
        two = await stack.enter_async_context(daemons(database_url, application.origin, "one", "two"))
        application.daemons = [url_of(daemon) for daemon in two.values()]
        pages = [await page_of(browser, application, number) for number in (0, 1)]
        stopped = "UPDATE jobrunner.scheduled_job SET status = 'Inactive' WHERE job = 'SubmitPopupReminders'"
        assert await connection.execute(stopped) == "UPDATE 1"  # it comes by a job of its own moment, or not at all
        start = await connection.fetchval("SELECT now() + interval '68 seconds'")
        await add_meeting(connection, "Budget <b>2027</b>", start, attendees=[ann], reminders=[("Popup", 60)])
        popups = [page.locator("jobrunner-popups li") for page in pages]
        for popup in popups:
            await expect(popup).to_have_count(1, timeout=20_000)
        late = await connection.fetchval("SELECT clock_timestamp() - remind_at FROM jobrunner.reminder")
        assert late.total_seconds() >= 0
        await expect(popups[1].locator(".name")).to_have_text("Budget <b>2027</b>")
        await until(connection, "SELECT state = 'Seen' FROM jobrunner.reminder")
        if folder := os.environ.get("JOBRUNNER_TEST_SCREENSHOTS"):
            await pages[0].screenshot(path=Path(folder) / "popup.png")

        await popups[0].get_by_role("button", name="Dismiss").click()
        await expect(popups[1]).to_have_count(0, timeout=10_000)
        await expect(popups[0]).to_have_count(0)
        assert await connection.fetchval("SELECT state::text FROM jobrunner.reminder") == "Dismissed"
        assert application.refusals == []


async def test_without_websockets_and_after_the_daemon_was_killed(
    database_url: str,
    connection: Any,
    require_tool: Callable[..., Path],
    monkeypatch: pytest.MonkeyPatch,
):
    """A proxy that lets no WebSocket pass: server-sent events. What was due while no daemon ran comes after all."""
    monkeypatch.setenv("JOBRUNNER_SECRET_KEY", SECRET)
    ann = await add_user(connection, "Ann", None)
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(Client(database_url))
        browser = await stack.enter_async_context(chromium(require_tool("chromium")))
        application = await stack.enter_async_context(Application(client, ann).serve())
        port = free_port()
        async with daemons(database_url, application.origin, "one", port=port) as first:
            application.daemons = [url_of(first["one"])]
            page = await page_of(browser, application, 0, script=NO_WEBSOCKETS)
            async with page.expect_response("**/push/stream"):
                pass
            first["one"].kill()
        start = await connection.fetchval("SELECT now() + interval '10 minutes'")
        await add_meeting(connection, "Budget", start, attendees=[ann], reminders=[("Popup", 3600)])
        popup = page.locator("jobrunner-popups li")
        async with daemons(database_url, application.origin, "two", port=port):
            await expect(popup).to_have_count(1, timeout=45_000)
            await popup.get_by_role("combobox").select_option("10")
            await expect(popup).to_have_count(0)
            await until(
                connection,
                "SELECT state = 'Waiting' AND next_attempt_at > now() + interval '9 minutes' FROM jobrunner.reminder",
            )


NO_WEBSOCKETS = """
window.WebSocket = class {
  constructor() { setTimeout(() => this.onclose({ code: 1006 }), 1); }
  close() {}
};
"""


async def test_the_page_to_try_says_when_its_token_is_too_old(
    database_url: str, connection: Any, require_tool: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv("JOBRUNNER_SECRET_KEY", SECRET)
    ann = await add_user(connection, "Ann", None)
    async with AsyncExitStack() as stack:
        client = await stack.enter_async_context(Client(database_url))
        browser = await stack.enter_async_context(chromium(require_tool("chromium")))
        running = await stack.enter_async_context(daemons(database_url, "http://127.0.0.1", "one"))
        address = f"{url_of(running['one'])}/push/demo"
        page = await browser.new_page()
        await page.goto(f"{address}#token=of-yesterday")
        await expect(page.locator("#state")).to_contain_text("this address is over an hour old", timeout=20_000)
        page = await browser.new_page()
        await page.goto(f"{address}#token={await client.popup_token(ann)}")
        await expect(page.locator("#state")).to_have_text("Connected: 0 popups are open.", timeout=20_000)

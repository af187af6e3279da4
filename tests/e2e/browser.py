"""A real Chromium, and an application whose pages show popups."""

import os
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from playwright._impl._driver import compute_driver_executable
from playwright.async_api import Browser, async_playwright

from jobrunner import Client


@asynccontextmanager
async def chromium(program: Path) -> AsyncIterator[Browser]:
    """Start it without a window; where what drives it does not run, skip the test, or fail it in CI."""
    driver = subprocess.run([compute_driver_executable()[0], "--version"], capture_output=True, text=True)
    if driver.returncode:
        wrong = f"what drives the browser does not run (`apt-get install libatomic1`?): {driver.stderr.strip()}"
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(wrong)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        try:
            yield browser
        finally:
            await browser.close()


class Application:
    """An application of its own origin, with a strict policy: it asks jobrunner for tokens, and loads the script."""

    def __init__(self, client: Client, user: str) -> None:
        self.user: str | None = user
        self.daemons: list[str] = []
        self.refusals: list[str] = []
        """What the browser says that the policy forbids."""
        self._client = client
        self.port = 0

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @asynccontextmanager
    async def serve(self) -> AsyncIterator["Application"]:
        app = web.Application()
        app.add_routes([web.get("/{daemon:[01]}", self._page), web.post("/popup-token", self._token)])
        runner = web.AppRunner(app, shutdown_timeout=1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", self.port)
        await site.start()
        self.port = runner.addresses[0][1]
        try:
            yield self
        finally:
            await runner.cleanup()

    async def _page(self, request: web.Request) -> web.Response:
        daemon = self.daemons[int(request.match_info["daemon"])]
        policy = (
            f"default-src 'none'; script-src {daemon}; connect-src 'self' {daemon} {daemon.replace('http', 'ws')}; "
            "require-trusted-types-for 'script'"
        )
        html = f"""<!DOCTYPE html><html lang="en"><title>CRM</title><body><h1>Customers</h1>
        <script src="{daemon}/push/popups.js" data-token="/popup-token" defer></script></body></html>"""
        return web.Response(text=html, content_type="text/html", headers={"Content-Security-Policy": policy})

    async def _token(self, request: web.Request) -> web.Response:
        if self.user is None:
            raise web.HTTPUnauthorized
        return web.Response(text=await self._client.popup_token(self.user))


async def page_of(browser: Browser, application: Application, daemon: int, script: str | None = None) -> Any:
    """Open the application in a browser profile of its own; `script` runs before those of the page."""
    context = await browser.new_context(locale="en-GB", viewport={"width": 1000, "height": 640})
    page = await context.new_page()
    if script is not None:
        await page.add_init_script(script)
    page.on("console", lambda message: application.refusals.append(message.text) if message.type == "error" else None)
    await page.goto(f"{application.origin}/{daemon}")
    return page

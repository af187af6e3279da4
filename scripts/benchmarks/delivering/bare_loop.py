"""The bare loop: aiohttp with nothing around it, in a process of its own.

All bodies and headers, signatures too, are made before the clock starts. One task for each webhook posts them one after
another, and ends where an endpoint does not take one. Nothing is read from anywhere, decided, or stored.
"""

import asyncio
import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import aiohttp

from jobrunner.services.webhooks.signatures import new_secret, sign
from scripts.benchmarks.delivering.events import account, event_name, numbers_of
from scripts.benchmarks.delivering.sizes import WEBHOOKS

MODULE = "scripts.benchmarks.delivering.bare_loop"
ROOT = Path(__file__).parents[3]
TIMEOUT = 15.0
BATCH = 50
NAME = "msg_01K0000000000000000000{:04d}"

Request = tuple[dict[str, str], bytes]


def requests_for(place: int, events: int, form: str) -> list[Request]:
    """Return what the webhook at a place gets: the same bytes as from us, but for ids and times."""
    secret = new_secret()
    numbers = numbers_of(place, events)
    bodies: list[bytes] = []
    if form == "standard":
        head = f'{{"type":"{event_name(place)}","timestamp":"2026-11-25T02:58:42.123456Z","data":'
        bodies = [f"{head}{in_postgresql(number)}}}".encode() for number in numbers]
    else:
        portions = [numbers[begin : begin + BATCH] for begin in range(0, len(numbers), BATCH)]
        bodies = [f"[{','.join(map(in_postgresql, portion))}]".encode() for portion in portions]
    return [(headers_of(place, secret, count, body), body) for count, body in enumerate(bodies)]


def in_postgresql(number: int) -> str:
    """Return an event's data as PostgreSQL writes jsonb."""
    return json.dumps(account(number), ensure_ascii=False)


def headers_of(place: int, secret: str, count: int, body: bytes) -> dict[str, str]:
    """Return all that goes with a body."""
    signed = sign([secret], webhook_id=str(place), message_id=NAME.format(count), timestamp=int(time.time()), body=body)
    return {
        "Content-Type": "application/json",
        "User-Agent": "jobrunner/0.1.0",
        "Accept": "*/*",
        "Accept-Encoding": "identity",
        **signed,
        "webhook-event": event_name(place),
        "webhook-attempt": "1",
    }


async def post_all(session: aiohttp.ClientSession, url: str, requests: list[Request]) -> None:
    """Post one after another, as long as they are taken."""
    for headers, body in requests:
        try:
            async with session.post(url, data=body, headers=headers, allow_redirects=False) as answer:
                await answer.read()
                if answer.status != 200:
                    return
        except TimeoutError:
            return


async def measure(urls: list[str], requests: list[list[Request]]) -> dict[str, float]:
    """Post all; return when that began, what it took until all were sent but what hangs, and CPU."""
    async with aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=200, limit_per_host=10, use_dns_cache=False),
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        timeout=aiohttp.ClientTimeout(total=TIMEOUT, sock_connect=5),
    ) as session:
        began, used = time.monotonic(), time.process_time()
        tasks = {asyncio.create_task(post_all(session, url, own)) for url, own in zip(urls, requests, strict=True)}
        while len(tasks) > 1:  # the one that hangs would go on for its time limit
            _, tasks = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        used = time.process_time() - used
        for task in tasks:
            task.cancel()
        await asyncio.wait(tasks)
        return {"began": began, "cpu": used}


async def serve() -> None:
    """Follow commands: URLs, number of events and format of a round, then a line to begin."""
    for line in sys.stdin:
        urls, events, form = json.loads(line)
        requests = [requests_for(place, events, form) for place in range(WEBHOOKS)]
        print("{}", flush=True)
        sys.stdin.readline()
        print(json.dumps(await measure(urls, requests)), flush=True)


class BareLoop:
    """That process."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", MODULE], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    async def prepare(self, urls: list[str], events: int, form: str) -> None:
        """Have it make everything."""
        await asyncio.to_thread(self._ask, [urls, events, form])

    async def post(self) -> dict[str, float]:
        """Have it post everything."""
        answer: dict[str, float] = await asyncio.to_thread(self._ask, [])
        return answer

    def stop(self) -> None:
        """End it."""
        self._process.terminate()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                pipe.close()

    def _ask(self, command: Any) -> Any:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(command) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError("the process of the bare loop has ended")
        return json.loads(line)


if __name__ == "__main__":
    import uvloop

    uvloop.run(serve())

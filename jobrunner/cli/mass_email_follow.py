"""`jobrunner mass-email status --follow`: a bar that goes on until the mailing is finished, paused or held back."""

import asyncio
import sys
import time
from collections import deque
from typing import TYPE_CHECKING

import typer

from jobrunner.cli.output import cell

if TYPE_CHECKING:
    from jobrunner.db.connection import Connection
    from jobrunner.services.massmail.mass_emails.holding import Hold
    from jobrunner.services.massmail.mass_emails.items import ItemCounts
    from jobrunner.services.massmail.mass_emails.rows import MassEmail

INTERVAL = 1.0
"""Seconds between two looks."""
LOOKS = 10
"""Over which the rate is measured."""


async def follow(line: "Connection", name: str) -> "MassEmail":
    """Show how far a mass e-mail is until nothing goes on by itself any more; return it as it is then.

    On a terminal a bar, else a line whenever something has changed.
    """
    from rich.console import Console
    from rich.progress import Progress

    from jobrunner.services.massmail.mass_emails.holding import holds_of
    from jobrunner.services.massmail.mass_emails.items import count_items
    from jobrunner.services.massmail.mass_emails.rows import find_mass_email
    from jobrunner.services.massmail.sending.pace import progress_in_words

    seen: deque[tuple[float, int]] = deque(maxlen=LOOKS)
    told = ""
    with Progress(console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as progress:
        bar = progress.add_task(name, total=1.0)
        while True:
            found = await find_mass_email(line, name)
            counts = await count_items(line, found.id)
            done = counts.total - counts.pending - counts.sending
            seen.append((time.monotonic(), done))
            holds = await holds_of(line, found, counts)
            words = f"{found.name}: {_state(found, counts, holds)}{progress_in_words(done, counts.total, _rate(seen))}"
            progress.update(bar, completed=done / counts.total if counts.total else 0.0, description=words)
            if progress.disable and words != told:
                typer.echo(words, err=True)
                told = words
            if found.status not in ("Pending", "In Process") or any(hold.needs_a_person for hold in holds):
                return found
            await asyncio.sleep(INTERVAL)


def _state(mass_email: "MassEmail", counts: "ItemCounts", holds: list["Hold"]) -> str:
    parts: list[str] = [] if mass_email.status == "In Process" else [mass_email.status]
    if counts.deferred:
        parts.append(f"{counts.deferred:,} deferred")
    if holds and mass_email.status in ("Pending", "In Process"):
        until = f" until {cell(holds[0].until)}" if holds[0].until is not None else ""
        parts.append(f"held{until} ({cell(holds[0].reason)})")
    return "".join(f"{part}, " for part in parts)


def _rate(seen: deque[tuple[float, int]]) -> float:
    (began, before), (ended, after) = seen[0], seen[-1]
    return (after - before) / (ended - began) if ended > began else 0.0

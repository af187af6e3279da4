"""`jobrunner mass-email status --follow`: a bar that goes on until the mailing is finished, paused or held back."""

import asyncio
import sys
import time
from collections import deque
from contextlib import nullcontext
from typing import TYPE_CHECKING

import typer

from jobrunner.cli.output import cell

if TYPE_CHECKING:
    from rich.console import Group

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

    On a terminal a bar, and below it what holds it; else a line whenever something has changed.
    """
    from rich.console import Console
    from rich.live import Live

    from jobrunner.services.massmail.mass_emails.holding import holds_of
    from jobrunner.services.massmail.mass_emails.items import count_items
    from jobrunner.services.massmail.mass_emails.rows import find_mass_email
    from jobrunner.services.massmail.sending.pace import progress_in_words

    seen: deque[tuple[float, int]] = deque(maxlen=LOOKS)
    told = ""
    console = Console(stderr=True)
    with Live(console=console, transient=True) if sys.stderr.isatty() else nullcontext() as live:
        while True:
            found = await find_mass_email(line, name)
            counts = await count_items(line, found.id)
            done = counts.total - counts.pending - counts.sending
            seen.append((time.monotonic(), done))
            holds = await holds_of(line, found, counts)
            words = f"{_state(found, counts)}{progress_in_words(done, counts.total, _rate(seen))}"
            held = _held(holds) if found.status in ("Pending", "In Process") else ""
            if live is not None:
                share = done / counts.total if counts.total else 0.0
                live.update(picture(found.name, words, share, held), refresh=True)
            elif (whole := f"{cell(found.name)}: {words}{f', {held}' if held else ''}") != told:
                typer.echo(whole, err=True)
                told = whole
            if found.status not in ("Pending", "In Process") or any(hold.needs_a_person for hold in holds):
                return found
            await asyncio.sleep(INTERVAL)


def picture(name: str, words: str, share: float, held: str) -> "Group":
    """Return what a terminal shows: the counts, a bar, and what holds it, broken between words and never cut off."""
    from rich.console import Group
    from rich.padding import Padding
    from rich.progress_bar import ProgressBar
    from rich.text import Text

    counts = Text(f"{cell(name)}: {words}")
    bar = Padding(ProgressBar(total=1.0, completed=share, width=40), 0)  # which ends its line; a bar does not
    return Group(counts, bar, Text(held)) if held else Group(counts, bar)


def _state(mass_email: "MassEmail", counts: "ItemCounts") -> str:
    parts: list[str] = [] if mass_email.status == "In Process" else [mass_email.status]
    if counts.deferred:
        parts.append(f"{counts.deferred:,} deferred")
    return "".join(f"{part}, " for part in parts)


def _held(holds: list["Hold"]) -> str:
    if not holds:
        return ""
    until = f" until {cell(holds[0].until)}" if holds[0].until is not None else ""
    return f"held{until} ({cell(holds[0].reason)})"


def _rate(seen: deque[tuple[float, int]]) -> float:
    (began, before), (ended, after) = seen[0], seen[-1]
    return (after - before) / (ended - began) if ended > began else 0.0

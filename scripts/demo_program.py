"""The demo: a daemon on a database of its own, sample data, a mailbox that prints what arrives, and plain words.

Started by scripts/demo, which makes the environment.
"""

import argparse
import asyncio
import logging
import math
import os
import signal
import sys
import time
from pathlib import Path
from typing import Protocol

sys.path.insert(0, str(Path(__file__).parent))

from demo_accounts import rest_unless_used
from demo_apart import Apart
from demo_dovecot import find_dovecot
from demo_mail_in import MailIn
from demo_mailbox import Mailbox, say
from demo_mailing import Mailing, free_port

from jobrunner import daemon_process
from jobrunner.cli.logging_setup import set_up_logging
from jobrunner.cli.output import loop_factory
from jobrunner.config import Configuration, load
from jobrunner.config.model import Http
from jobrunner.db import migrations
from jobrunner.db.connection import Connection
from jobrunner.db.data_folder import default_data_dir
from jobrunner.db.embedded import EmbeddedServer
from jobrunner.definitions import registry
from jobrunner.errors import JobrunnerError

MOST_SECONDS = 86400
SCHEDULES = """
INSERT INTO jobrunner.scheduled_job (name, job, crontab)
VALUES ('Every five seconds', 'EveryFiveSeconds', '*/5 * * * * *'), ('Every minute', 'EveryMinute', '* * * * *')
ON CONFLICT (name) DO NOTHING
"""
COUNTS = """
SELECT
    j.name,
    count(*) FILTER (WHERE j.status = 'Success') AS succeeded,
    count(*) FILTER (WHERE j.status = 'Failed') AS failed
FROM jobrunner.jobs AS j
WHERE j.created_at >= to_timestamp($1)
GROUP BY j.name
ORDER BY j.name
"""


async def report(dsn: str, began: float) -> None:
    """Say every ten seconds how many jobs have succeeded."""
    connection = Connection(dsn, "demo")
    try:
        while True:
            await asyncio.sleep(10)
            rows = await connection.fetch(COUNTS, began)
            counts = ", ".join(f"{row['name']} {row['succeeded']}" for row in rows if row["succeeded"])
            failed = sum(row["failed"] for row in rows)
            say(f"--- so far: {counts or 'nothing yet'}; {failed} failed")
    finally:
        await connection.close()


class Act(Protocol):
    """What the demo shows beside its jobs."""

    async def start(self, configuration: Configuration) -> None:
        """Make ready what it needs, and say what will be seen."""

    async def run(self) -> None:
        """Show it while the daemon runs; cancelled at the end."""

    async def stop(self) -> None:
        """Undo what start did; also where that failed."""


async def demo(data_dir: Path, jobrunner: str, arguments: argparse.Namespace) -> int:
    mail, seconds = arguments.mail, arguments.seconds
    started, began = time.monotonic(), time.time()
    if mail:
        find_dovecot()
    say("This is jobrunner at work: one process on a PostgreSQL of its own.")
    say(f"Its data is kept in {data_dir} and nowhere else; delete that folder to begin anew.")
    say("PostgreSQL starts ...")
    server = EmbeddedServer(data_dir)
    dsn = await server.start()
    mailbox = Mailbox(started)
    receiver = await mailbox.listen()
    port, http_port = receiver.sockets[0].getsockname()[1], arguments.http_port or free_port()
    act: Act = MailIn(dsn, data_dir, mailbox, jobrunner) if mail else Mailing(dsn, mailbox, jobrunner)
    try:
        await migrations.upgrade(dsn)
        connection = Connection(dsn, "demo")
        await connection.fetch(SCHEDULES)
        if not mail:
            await rest_unless_used(connection, data_dir)
        await connection.close()
        configuration = load(
            data_dir=data_dir,
            smtp={"host": "127.0.0.1", "port": port, "security": "none", "from_address": "calendar@example.com"},
            # The default is not demanded: of two demos that start at once the second waits for it, and the links work.
            http={"port": http_port} if arguments.http_port or http_port != Http().port else {},
            site_url="http://crm.example.com",
        )
        say(f"PostgreSQL runs ({time.monotonic() - started:.1f} s). A mailbox listens on 127.0.0.1, port {port}.")
        say("There are two scheduled jobs of the demo: every five seconds, and every minute in a process of its own.")
        await act.start(configuration)
        say("Ctrl-C stops all of it.")
        say()
        set_up_logging(configuration)
        registry.load(["demo_jobs"])
        beside = [asyncio.create_task(report(dsn, began)), asyncio.create_task(act.run())]
        running = asyncio.create_task(
            daemon_process.run(dsn=dsn, direct_dsn=dsn, configuration=configuration, registry=registry)
        )
        if seconds is not None:
            asyncio.get_running_loop().call_later(seconds, os.kill, os.getpid(), signal.SIGTERM)
        code = await running
        for task in beside:
            task.cancel()
        for failure in await asyncio.gather(*beside, return_exceptions=True):
            if isinstance(failure, Exception):
                say(f"--- The demo itself failed: {failure!r}")
                code = code or 1
        arrived = "" if mail else f" {mailbox.received} mail(s) had arrived."
        say(f"Stopped cleanly.{arrived} Start it again: it finds its data.")
        return code
    finally:
        receiver.close()
        try:
            await act.stop()
        finally:
            await server.stop()


def data_folder() -> Path:
    """Where the demo lives: apart from the data of a real installation, which it must neither change nor be."""
    given = os.environ.get("JOBRUNNER_DATA_DIR")
    return Path(given).expanduser() / "demo" if given else default_data_dir().with_name("jobrunner-demo")


def duration(text: str) -> float:
    """Seconds, as they are typed."""
    try:
        seconds = float(text)
    except ValueError:
        seconds = math.nan
    if not 0 < seconds <= MOST_SECONDS:
        raise argparse.ArgumentTypeError(f"must be a number of seconds above 0, at most {MOST_SECONDS}, got {text!r}")
    return seconds


def port_number(text: str) -> int:
    """A port of TCP, as it is typed."""
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:6]) <= 65535):
        raise argparse.ArgumentTypeError(f"must be a port from 1 to 65535, got {text!r}")
    return int(text)


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/demo", description="jobrunner at work, on an empty machine.")
    parser.add_argument(
        "--data-dir",
        type=Path,
        default=data_folder(),
        help="where its data is kept; by default the folder demo in JOBRUNNER_DATA_DIR if that is set (%(default)s)",
    )
    parser.add_argument("--seconds", type=duration, help="stop by itself after so many seconds")
    parser.add_argument(
        "--http-port",
        type=port_number,
        help=f"the port of its pages; by default {Http().port}, or where that is in use any other",
    )
    parser.add_argument("--mail", action="store_true", help="show mail that comes in, at a Dovecot of its own")
    arguments = parser.parse_args()
    logging.getLogger("mail.log").setLevel(logging.WARNING)
    data_dir = arguments.data_dir.absolute()
    jobrunner = Apart().command(data_dir)
    try:
        with asyncio.Runner(loop_factory=loop_factory()) as runner:
            return runner.run(demo(data_dir, jobrunner, arguments))
    except JobrunnerError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())

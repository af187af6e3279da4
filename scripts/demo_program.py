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

sys.path.insert(0, str(Path(__file__).parent))

from demo_mailbox import Mailbox, say
from demo_mailing import Mailing, free_port

from jobrunner import daemon
from jobrunner.cli.logging_setup import set_up_logging
from jobrunner.cli.output import loop_factory
from jobrunner.config import load
from jobrunner.config.model import Http
from jobrunner.db import migrations
from jobrunner.db.connection import Connection
from jobrunner.db.data_folder import default_data_dir
from jobrunner.db.embedded import EmbeddedServer
from jobrunner.definitions import registry
from jobrunner.errors import JobrunnerError

MOST_SECONDS = 86400
SAMPLE_DATA = """
WITH ada AS (
    INSERT INTO jobrunner.app_user (id, name, email, time_zone)
    VALUES ('demo-ada', 'Ada Lovelace', 'ada@example.com', 'Europe/London')
    ON CONFLICT (id) DO UPDATE SET email = excluded.email
    RETURNING id
), meeting AS (
    INSERT INTO jobrunner.meeting (name, date_start, date_end, assigned_user_id)
    SELECT 'Coffee with Charles', now() + interval '65 seconds', now() + interval '1 hour', ada.id
    FROM ada
    RETURNING id
), attendee AS (
    INSERT INTO jobrunner.attendee (entity_type, entity_id, user_id, status)
    SELECT 'Meeting', meeting.id, ada.id, 'Accepted'
    FROM meeting, ada
)
INSERT INTO jobrunner.reminder_list (entity_type, entity_id, reminders)
SELECT 'Meeting', meeting.id, '[{"type": "Email", "seconds": 60}]'
FROM meeting
"""
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


async def demo(data_dir: Path, seconds: float | None) -> int:
    started, began = time.monotonic(), time.time()
    say("This is jobrunner at work: one process on a PostgreSQL of its own.")
    say(f"Its data is kept in {data_dir} and nowhere else; delete that folder to begin anew.")
    say("PostgreSQL starts ...")
    server = EmbeddedServer(data_dir)
    dsn = await server.start()
    mailbox = Mailbox(started)
    receiver = await mailbox.listen()
    port, http_port = receiver.sockets[0].getsockname()[1], free_port()
    mailing = Mailing(dsn, data_dir, mailbox)
    try:
        await migrations.upgrade(dsn)
        connection = Connection(dsn, "demo")
        await connection.fetch(SCHEDULES)
        await connection.fetch(SAMPLE_DATA)
        await connection.close()
        await mailing.prepare(f"http://127.0.0.1:{http_port}")
        say(f"PostgreSQL runs ({time.monotonic() - started:.1f} s). A mailbox listens on 127.0.0.1, port {port}.")
        say("There are two scheduled jobs of the demo: every five seconds, and every minute in a process of its own.")
        say("A meeting begins in 65 seconds, and Ada wants a mail one minute before: it arrives in five seconds or so.")
        say("Then a small mass mailing goes out. Ctrl-C stops all of it.")
        say()
        configuration = load(
            data_dir=data_dir,
            smtp={"host": "127.0.0.1", "port": port, "security": "none", "from_address": "calendar@example.com"},
            # The default is not demanded: of two demos that start at once the second waits for it, and the links work.
            http={} if http_port == Http().port else {"port": http_port},
            site_url="http://crm.example.com",
        )
        set_up_logging(configuration)
        registry.load(["demo_jobs"])
        beside = [asyncio.create_task(report(dsn, began)), asyncio.create_task(mailing.run())]
        running = asyncio.create_task(
            daemon.run(dsn=dsn, direct_dsn=dsn, configuration=configuration, registry=registry)
        )
        if seconds is not None:
            asyncio.get_running_loop().call_later(seconds, os.kill, os.getpid(), signal.SIGTERM)
        code = await running
        for task in beside:
            task.cancel()
        await asyncio.gather(*beside, return_exceptions=True)
        say(f"Stopped cleanly. {mailbox.received} mail(s) had arrived. Start it again: it finds its data.")
        return code
    finally:
        receiver.close()
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


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/demo", description="jobrunner at work, on an empty machine.")
    parser.add_argument(
        "--data-dir",
        type=Path,
        default=data_folder(),
        help="where its data is kept; by default the folder demo in JOBRUNNER_DATA_DIR if that is set (%(default)s)",
    )
    parser.add_argument("--seconds", type=duration, help="stop by itself after so many seconds")
    arguments = parser.parse_args()
    logging.getLogger("mail.log").setLevel(logging.WARNING)
    try:
        with asyncio.Runner(loop_factory=loop_factory()) as runner:
            return runner.run(demo(arguments.data_dir.absolute(), arguments.seconds))
    except JobrunnerError as error:
        print(f"Error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())

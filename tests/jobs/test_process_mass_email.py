"""The job ProcessMassEmail: its definition, and its way from `start` to the last mail in a daemon."""

import asyncio
from typing import Any

import asyncpg

from jobrunner.definitions import registry
from tests.services.mail.smtp.scripted_server import ScriptedServer
from tests.services.massmail.sending.stage import KEY, SITE, Stage
from tests.support.daemons import DaemonProcess, until


def test_its_definition():
    registry.load()
    definition = registry.find("process-mass-email")

    assert definition.name == "ProcessMassEmail"
    assert definition.crontab == "10,30,50 * * * *"
    assert definition.often
    assert not definition.blocking
    assert not definition.has_data
    assert definition.deadline is not None


async def test_what_is_started_is_sent_at_once_by_a_daemon(database_url: str, connection: Any):
    """The start wakes the job; nobody waits for the schedule. Two daemons share the work, and nobody gets two."""
    daemons = [
        await DaemonProcess(database_url, imports="jobrunner.jobs", name=name, secret_key=KEY, site_url=SITE).ready()
        for name in ("one", "two")
    ]
    try:
        async with asyncpg.create_pool(database_url, min_size=0, max_size=4) as pool, ScriptedServer() as server:
            stage = Stage(pool, database_url)
            await stage.add_mailing(server.port, 200)
            await until(connection, "SELECT status = 'Complete' FROM jobrunner.mass_email", limit=60)
            assert sorted(m.recipients[0] for m in server.messages) == sorted(
                f"<a{n}@d{n}.example.net>" for n in range(200)
            )
            await until(
                connection,
                "SELECT result->>'sent' = '200' FROM jobrunner.job_history"
                " WHERE name = 'ProcessMassEmail' AND result->>'sent' <> '0'",
            )
    finally:
        codes = await asyncio.gather(*(asyncio.to_thread(daemon.stop) for daemon in daemons))
    assert codes == [0, 0]

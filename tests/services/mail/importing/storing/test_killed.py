"""`kill -9` while mails are imported: nothing is missing, nothing twice, no file without row, no row without file."""

import asyncio
import os
import random
import sys
from pathlib import Path

from jobrunner.services.mail.importing.storing import FileAudit, audit_files, sweep_files
from tests.services.mail.importing.storing.conftest import Office
from tests.services.mail.importing.storing.killed_letters import NUMBER

ROOT = Path(__file__).parents[5]
KILLS = 20 if "JOBRUNNER_LONG" in os.environ else 5
LIMIT = 60.0


async def test_killed_at_random_moments(office: Office, database_url: str):
    """F52."""
    account = await office.personal(await office.user("bob"))
    chance = random.Random(5)
    killed = 0
    while True:
        program = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.services.mail.importing.storing.killed_program",
            database_url, str(office.root), str(account.id),
            cwd=ROOT, stdout=asyncio.subprocess.PIPE, start_new_session=True,
        )  # fmt: skip
        assert program.stdout is not None
        async with asyncio.timeout(LIMIT):
            if killed < KILLS:
                first = await program.stdout.readline()
                await asyncio.sleep(chance.uniform(0, 0.05) if first else 0)
                killed += 1
                if program.returncode is None:
                    program.kill()
                await program.communicate()
            else:
                await program.communicate()
                assert program.returncode == 0
                break
    assert await office.column("SELECT message_id FROM jobrunner.email ORDER BY length(message_id), message_id") == [
        f"<{number}@example.com>" for number in range(1, NUMBER + 1)
    ]
    assert await office.count("email_attachment") == 2 * NUMBER
    assert await office.column("SELECT count(*) FROM jobrunner.email_user") == [NUMBER]
    await office.connection.execute("UPDATE jobrunner.stored_file SET pinned_until = now() - interval '1 s'")
    while await sweep_files(office.connection, office.root):
        pass
    assert await audit_files(office.connection, office.root) == FileAudit((), ())
    assert await office.count("stored_file") == NUMBER + 1

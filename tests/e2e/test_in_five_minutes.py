"""docs/mass-mail.md, "In five minutes", as somebody types it."""

import asyncio
import os
import re
import sys
from pathlib import Path

from tests.e2e.house import KEY, House
from tests.e2e.reading import parse, text_of
from tests.e2e.receiver import Receiver
from tests.support.daemons import until

ROOT = Path(__file__).parents[2]
SERVER = "--host mail.example.com --username news@example.com"
SITE = "https://crm.example.com"


async def test_what_the_document_says_sends_a_mailing(
    house: House, receiver: Receiver, database_url: str, tmp_path: Path
):
    section = (ROOT / "docs/mass-mail.md").read_text(encoding="utf-8").split("\n## In five minutes\n")[1]
    block = re.findall(r"^```sh\n(.*?)^```", section, re.DOTALL | re.MULTILINE)[0]
    ours = f"--host 127.0.0.1 --port {receiver.port} --security none --from-address news@example.com"
    assert (block.count(SERVER), block.count(SITE)) == (1, 1)
    block = block.replace(SERVER, ours).replace(SITE, house.http)
    script = f'jobrunner() {{ "{sys.executable}" -m jobrunner "$@"; }}\nset -e\n{block}'
    process = await asyncio.create_subprocess_exec(
        "bash",
        "-c",
        script,
        cwd=tmp_path,
        env=os.environ
        | {
            "PYTHONPATH": str(ROOT),
            "JOBRUNNER_DATABASE_URL": database_url,
            "JOBRUNNER_SECRET_KEY": KEY,
        },
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said, _ = await process.communicate()
    assert process.returncode == 0, said.decode()
    assert "{trackingUrl:1}" in said.decode()

    done = "SELECT EXISTS (SELECT FROM jobrunner.mass_email WHERE name = 'Spring' AND status = 'Complete')"
    await until(house.connection, done)
    mails = {one.recipient: parse(one.raw) for one in receiver.received}
    assert set(mails) == {"you@example.com", "ann@example.com", "bob@example.com"}
    assert len(receiver.received) == 3
    assert mails["bob@example.com"]["Subject"] == "Bob, spring is here"
    text = text_of(mails["ann@example.com"])
    assert "Dear Ann, it is time to sow tulips: our seeds" in text
    assert f"{house.http}/c/" in text
    assert f"Unsubscribe: {house.http}/unsubscribe/" in text

"""Tasks that do not stop when they are cancelled."""

import subprocess
import sys

PROGRAM = """
import asyncio
from jobrunner.cli.output import run


async def stay():
    while True:
        try:
            await asyncio.sleep(3600)
        except asyncio.CancelledError:
            pass


async def work():
    global stubborn
    stubborn = asyncio.create_task(stay())
    await asyncio.sleep(0)
    return 7


print(run(work()))
"""


def test_a_task_that_does_not_stop_does_not_keep_the_process():
    """Such as that of a job which was given up when it ignored its cancellation."""
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stdout) == (0, "7\n")
    assert "1 of what ran here did not stop when asked to: the process ends all the same" in done.stderr
    assert "Traceback" not in done.stderr
    assert "destroyed" not in done.stderr

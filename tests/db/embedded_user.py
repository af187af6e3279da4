"""A process that uses an embedded server: starts it, says so in a line of JSON, and stops when its input ends.

embedded_user.py DATA_DIR [UID PACKAGE]: under the user id UID, with the programs of the package in the folder PACKAGE.
"""

import asyncio
import concurrent.futures.thread  # noqa: F401  what is imported later might lie where only root may read
import json
import os
import sys
from pathlib import Path

from jobrunner.db import binaries
from jobrunner.db.embedded import EmbeddedServer
from jobrunner.errors import JobrunnerError


async def use(data_dir: Path) -> None:
    server = EmbeddedServer(data_dir, settings={"fsync": "off"})
    try:
        url = await server.start()
    except JobrunnerError as error:
        print(json.dumps({"error": str(error)}), flush=True)
        return
    try:
        print(json.dumps({"url": url, "pid": server.pid}), flush=True)
        await asyncio.to_thread(sys.stdin.read)
    finally:
        await server.stop()  # also when nobody listens any more


if __name__ == "__main__":
    if len(sys.argv) > 2:
        uid, package = int(sys.argv[2]), Path(sys.argv[3])
        os.setgroups([])
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)
        os.environ["HOME"] = "/nonexistent"
        binaries._package = lambda: package
    asyncio.run(use(Path(sys.argv[1])))

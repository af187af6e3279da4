"""A process of its own that stores once, to be killed: `python -m … URL DATA_DIR ACCOUNT PORT`."""

import asyncio
import sys
from pathlib import Path

from jobrunner.config import load
from jobrunner.db.pool import Pool
from jobrunner.services.mailbox.sent import StoreRun
from tests.services.mailbox.conftest import KEY


async def main(url: str, data_dir: str, account: str) -> None:
    configuration = load(database_url=url, migrate_on_start=False, data_dir=Path(data_dir), secret_key=KEY)
    async with Pool(url, size=2) as pool:
        await StoreRun(pool.connection, configuration, "Personal", int(account)).store()
    print("done", flush=True)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))

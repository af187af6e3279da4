"""A process of its own that logs in by tokens: `python -m tests.services.mail.accounts.token_user URL KEY TIMES`.

Prints a line for each login: the access token, or what went wrong.
"""

import asyncio
import sys

from jobrunner.db.pool import Pool
from jobrunner.errors import JobrunnerError
from jobrunner.services.mail.accounts import keeping_token, load_account
from jobrunner.services.mail.oauth import access_token
from tests.services.mail.accounts.books import KEYRING


async def main(url: str, key: str, times: int) -> None:
    async with Pool(url, size=2) as pool:
        async with pool.connection() as connection:
            account = await load_account(connection, KEYRING, key)
        oauth = account.smtp.oauth
        assert oauth is not None
        async with keeping_token(account, KEYRING, pool.connection):
            for _ in range(times):
                try:
                    print((await access_token(oauth))[0], flush=True)
                except JobrunnerError as error:
                    print(f"ERROR {error}", flush=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3])))

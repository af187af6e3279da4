"""Jobs that say, in every way a job can, the passwords that their daemon's configuration holds."""

import asyncio
import logging
import os
import sys
from urllib.parse import unquote

from jobrunner.definitions import JobContext, job


def passwords() -> str:
    """Return everything secret in the environment, as an application's own code may come by it."""
    url = os.environ["JOBRUNNER_DATABASE_URL"]
    return f"{url}, which is {unquote(url)}, and {os.environ['JOBRUNNER_SMTP__PASSWORD']}"


@job("TellsPasswords", max_attempts=2, pause=0.0)
async def tells_passwords(ctx: JobContext) -> None:
    """Logs them, shows them as its progress, and raises them, with a cause that has them too."""
    application = logging.getLogger("application")
    ctx.log.info("connecting to %s", ctx.configuration.database_url.get_secret_value())
    application.warning("the mail password is %s", ctx.configuration.smtp.password.get_secret_value())
    application.debug("debugging %s", passwords())
    ctx.progress(0.5, f"at {passwords()}")
    async with ctx.connection() as connection:
        seen = None
        while seen is None:
            await asyncio.sleep(0.02)
            seen = await connection.fetchval("SELECT progress_message FROM jobrunner.job WHERE id = $1", ctx.job_id)
        await connection.execute("INSERT INTO public.seen (progress) VALUES ($1)", seen)
    try:
        raise OSError(f"no answer from {passwords()}")
    except OSError as error:
        raise RuntimeError(f"gave up on {passwords()}") from error


@job("TellsPasswordsBlocking", max_attempts=2, pause=0.0)
def tells_passwords_blocking() -> None:
    """The same in a process of its own: prints them on both outputs, logs and raises them."""
    print(passwords())
    print(passwords(), file=sys.stderr)
    logging.getLogger("application").error("blocking %s", passwords())
    raise RuntimeError(f"gave up on {passwords()}")


@job("TellsAccountPassword", max_attempts=1)
async def tells_account_password(ctx: JobContext) -> None:
    """Opens the password of an SMTP account, logs it, and raises it."""
    from jobrunner.db.secrets import Keyring
    from jobrunner.services.mail.accounts import load_account

    async with ctx.connection() as connection:
        account = await load_account(connection, Keyring.from_configuration(ctx.configuration), "1")
    assert account.smtp.password is not None
    ctx.log.info("the account is %s", account)
    ctx.log.info("its password is %s", account.smtp.password.get_secret_value())
    key = ctx.configuration.secret_key
    assert key is not None
    raise RuntimeError(f"gave up on {account.smtp.password.get_secret_value()}, sealed by {key.get_secret_value()}")


@job("FailsInTheDatabase", max_attempts=1)
async def fails_in_the_database(ctx: JobContext) -> None:
    """A failure whose text the library makes."""
    async with ctx.connection() as connection:
        await connection.fetchval("SELECT no_such_function()")

"""What a mail server's answer means for the account, beyond the message it was given to."""

from datetime import timedelta

from jobrunner.db.queryable import Queryable
from jobrunner.services.mail.accounts.state import cool_down, note_failure, note_success, pause
from jobrunner.services.mail.smtp import Outcome, Result

QUOTA_PAUSE = timedelta(hours=1)
"""How long an account rests whose server says that its quota is used up; then it is asked again."""


async def observe(connection: Queryable, account_key: str, result: Result) -> None:
    """Note what follows for the account from one result.

    A refused login pauses it until somebody has looked: a password is never tried twice. A used-up quota pauses it for
    an hour, "too much" cools it down, a server that is not there is waited for. Any other answer shows that it is
    there. It is enough to call this for each result that was not accepted, and for one of a batch that was.
    """
    match result.outcome:
        case Outcome.AUTHENTICATION if result.refuses_login:
            await pause(connection, account_key, "authentication", str(result))
        case Outcome.RATE if result.code is not None and result.code >= 500:
            await pause(connection, account_key, "quota", str(result), lasting=QUOTA_PAUSE)
        case Outcome.RATE:
            await cool_down(connection, account_key, str(result))
        case Outcome.CONNECTION | Outcome.AUTHENTICATION:
            await note_failure(connection, account_key, str(result))
        case Outcome.UNKNOWN | Outcome.UNSUPPORTED | Outcome.LOCAL:
            pass  # nothing is known of the server, or nothing was asked of it
        case _:
            await note_success(connection, account_key)

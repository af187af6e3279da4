"""What results mean for the account, as they come in over several connections."""

from jobrunner.db.queryable import Queryable
from jobrunner.services.mail.accounts import observe
from jobrunner.services.mail.smtp import Outcome, Result

MOST_TROUBLES = 3
"""Broken lines in a row, over all connections, after which a run gives up on the server."""


class AccountWatch:
    """Notes what follows for the account, and says when it is of no use to go on."""

    def __init__(self, key: str) -> None:
        self._key = key
        self._is_settled = False
        """Whether the account is known to be well: then a success is nothing to be noted."""
        self._troubles = 0

    async def note(self, line: Queryable, result: Result) -> str | None:
        """Note one result; return why nothing more should be sent by this account for now, if so."""
        match result.outcome:
            case Outcome.RATE | Outcome.AUTHENTICATION:
                self._is_settled = False
                await observe(line, self._key, result)
                return f"the account is held back: {result}"
            case Outcome.CONNECTION:
                self._is_settled = False
                self._troubles += 1
                await observe(line, self._key, result)
                if result.phase.before_message or self._troubles >= MOST_TROUBLES:
                    return f"the mail server is away: {result}"
            case Outcome.UNKNOWN:
                self._troubles += 1
                if self._troubles >= MOST_TROUBLES:
                    return f"the mail server breaks off: {result}"
            case Outcome.LOCAL | Outcome.UNSUPPORTED:
                pass
            case _:
                self._troubles = 0
                if not self._is_settled:
                    self._is_settled = True
                    await observe(line, self._key, result)
        return None

"""DKIM signatures, made in threads: most of a signature is arithmetic, during which Python runs other threads."""

import asyncio
import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

from jobrunner.errors import JobrunnerError
from jobrunner.services.mail.composing.dkim.signer import Signer

MOST_THREADS = 2
"""Of one mailing; where there is one core, one."""


class Signing:
    """The threads that sign the mails of one mailing."""

    def __init__(self, signer: Signer) -> None:
        self._signer = signer
        self._number = max(1, min(MOST_THREADS, os.cpu_count() or 1))
        self._threads = ThreadPoolExecutor(self._number, thread_name_prefix="dkim")

    async def sign(self, messages: Sequence[bytes], at: datetime) -> list[bytes | JobrunnerError]:
        """Return the fields that are to stand before each message, or why it cannot be signed.

        Each thread takes its share of them in one piece. One that is at it when this is cancelled ends it unheard.
        """
        loop = asyncio.get_running_loop()
        share = -(-len(messages) // self._number) or 1
        shares = [messages[begin : begin + share] for begin in range(0, len(messages), share)]
        signed = await asyncio.gather(*(loop.run_in_executor(self._threads, self._sign, some, at) for some in shares))
        return [fields for some in signed for fields in some]

    def close(self) -> None:
        """Let the threads end; nothing is waited for."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def _sign(self, messages: Sequence[bytes], at: datetime) -> list[bytes | JobrunnerError]:
        return [self._sign_one(message, at) for message in messages]

    def _sign_one(self, message: bytes, at: datetime) -> bytes | JobrunnerError:
        try:
            return self._signer.sign(message, at=at)
        except JobrunnerError as error:
            return error

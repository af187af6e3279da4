"""What the machine trusts, for all connections by which mail goes or comes."""

import asyncio
import ssl
import threading
from functools import cache

_one_at_a_time = threading.Lock()


async def machine_certificates() -> ssl.SSLContext:
    """Return the context that trusts what the machine trusts, and checks certificate and name.

    It is made once in a process, in a thread: a busy machine takes up to a second.
    """
    if _make.cache_info().currsize:
        return _make()
    return await asyncio.to_thread(_once)


def _once() -> ssl.SSLContext:
    with _one_at_a_time:  # of the accounts that connect at the same moment the first one makes it
        return _make()


@cache
def _make() -> ssl.SSLContext:
    return ssl.create_default_context()

"""The client: how an application enqueues jobs, asks after them and cancels them, and tells webhooks of events.

    async with Client("postgresql://…") as client:
        job_id = await client.enqueue("SendGreeting", {"name": "Ada"})

Programs without an event loop use `Client.sync("postgresql://…")`.
"""

from jobrunner.queue.async_client import LIMIT, POOL_SIZE, AsyncClient
from jobrunner.queue.sync_client import SyncClient


class Client(AsyncClient):
    """Enqueues jobs, asks after them, cancels them. It connects when it is used; the tasks of a loop may share it."""

    @classmethod
    def sync(
        cls,
        database_url: str | None = None,
        *,
        pool_size: int = POOL_SIZE,
        limit: float = LIMIT,
        pooled: bool = False,
    ) -> SyncClient:
        """Return a client whose methods block, for programs without an event loop."""
        return SyncClient(database_url, pool_size=pool_size, limit=limit, pooled=pooled)

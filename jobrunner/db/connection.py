"""One connection of our own for one purpose: it connects when used, survives the loss of its server, limits every wait.

The engine's parts (claim, finish, listen, heartbeat, upkeep) each have one, so that jobs which hold every pooled
connection stop none of them (failures F16), and a lost line is repaired where it is used (F11, F15).
"""

import asyncio
import random
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

import asyncpg

from jobrunner import database_url
from jobrunner.errors import DatabaseUnavailable, LimitExceeded, nearest
from jobrunner.imports import alone

T = TypeVar("T")

CONNECT_LIMIT = 10.0
"""Seconds that one host may take to let us in, where the URL names no connect_timeout."""
CLOSE_LIMIT = 2.0
"""Seconds that a good-bye to the server may take."""
REPEATS = 6
"""How often a statement is run that ended in a deadlock or a serialization failure."""

LOST = (
    OSError,
    asyncpg.InterfaceError,
    asyncpg.PostgresConnectionError,
    asyncpg.exceptions.OperatorInterventionError,
    asyncpg.exceptions.ReadOnlySQLTransactionError,
    asyncpg.exceptions.CannotConnectNowError,
    asyncpg.exceptions.TooManyConnectionsError,
    asyncpg.exceptions.InvalidAuthorizationSpecificationError,
    asyncpg.exceptions.InvalidCatalogNameError,
    asyncpg.exceptions.InternalServerError,
    asyncpg.InternalClientError,
)
"""The server is away, shuts down, is read-only after a failover, or refuses us: drop the line and come again.

The last one: the driver trips over a farewell that came between two steps of a statement.
"""

REFUSED = (
    asyncpg.exceptions.InvalidAuthorizationSpecificationError,
    asyncpg.exceptions.InvalidCatalogNameError,
    asyncpg.exceptions.InsufficientPrivilegeError,
    ValueError,
)
"""The URL is none, or the server answered and refused user, password or database: waiting does not help."""

ELSEWHERE = (
    asyncpg.exceptions.CannotConnectNowError,
    asyncpg.exceptions.TargetServerAttributeNotMatched,
    asyncpg.exceptions.TooManyConnectionsError,
)
"""This server does not take us now; another of the URL may."""

PARAMETER_REFUSED = (
    asyncpg.exceptions.CantChangeRuntimeParamError,
    asyncpg.exceptions.ClientConfigurationError,
    asyncpg.exceptions.InsufficientPrivilegeError,
    asyncpg.exceptions.InvalidParameterValueError,
    asyncpg.exceptions.UndefinedObjectError,
)
"""Driver or server do not accept what the URL asks for."""

SHORT_OF = (asyncpg.exceptions.InsufficientResourcesError,)
"""Disk, memory or locks are short at the server: the statement failed, the line may stay (F25)."""

REPEATABLE = (asyncpg.exceptions.SerializationError, asyncpg.exceptions.DeadlockDetectedError)
"""40001 and 40P01: nothing happened, run the statement again."""

TRANSIENT = (
    *LOST,
    *SHORT_OF,
    *REPEATABLE,
    asyncpg.exceptions.LockNotAvailableError,
    DatabaseUnavailable,
    LimitExceeded,
)
"""What passes by itself: loops back off and resume."""

NO_SETTINGS: Mapping[str, str] = {}
STEADY_PLANS: Mapping[str, str] = {"plan_cache_mode": "force_generic_plan", "enable_seqscan": "off"}
"""For the few statements that run all day: planned once, by index, whatever the tables' statistics say at that moment.

Left to itself PostgreSQL either plans a claim anew each time, which costs as much as the claim, or keeps a plan that it
made while the queue was empty: then each claim reads the whole table, until the next ANALYZE.
"""
SESSION = {
    "default_transaction_isolation": "read committed",
    "timezone": "UTC",
}


def unavailable(dsn: str, error: BaseException) -> DatabaseUnavailable:
    """Put a failure to connect into one sentence, without the password."""
    with alone("jobrunner.config"):
        from jobrunner.config import mask_url

    reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    return DatabaseUnavailable(
        mask_url(f"cannot use the database {dsn}: {reason}{_remedy(error)}"), may_pass=not isinstance(error, REFUSED)
    )


def _remedy(error: BaseException) -> str:
    """Return what puts a refusal of the server right, as the end of a sentence."""
    match error:
        case asyncpg.exceptions.InvalidCatalogNameError():
            return "; make it with `createdb`, or name another one in JOBRUNNER_DATABASE_URL"
        case asyncpg.exceptions.InvalidAuthorizationSpecificationError():
            return "; name a user and a password that this server takes in JOBRUNNER_DATABASE_URL"
        case asyncpg.exceptions.InsufficientPrivilegeError():
            return "; grant its user CONNECT and CREATE on the database, or let its owner run `jobrunner migrate`"
        case _:
            return ""


async def connect(
    dsn: str,
    *,
    name: str,
    pooled: bool = False,
    session: Mapping[str, str] = NO_SETTINGS,
    limit: float = CONNECT_LIMIT,
    **more: Any,
) -> asyncpg.Connection:
    """Open a connection called `name` (seen in pg_stat_activity); `session` are more settings of PostgreSQL for it.

    `pooled` is for a URL that leads to a transaction pooler such as PgBouncer: no prepared statements are kept and no
    session settings are sent. `limit` is how many seconds each host may take, unless the URL names a connect_timeout;
    `more` is for the driver. Of several hosts the first is taken that lets us in and takes writes.

    Raises:
        DatabaseUnavailable: the URL cannot be used, or no host answered in time or takes writes. What a server that
            answered refuses, and what the network does, is raised as the driver has it.
    """
    try:
        url = database_url.read(dsn)
    except ValueError as error:
        raise unavailable(dsn, ValueError(f"the URL {error}")) from None
    if pooled:
        more["statement_cache_size"] = 0
    else:
        more["server_settings"] = {**SESSION, "application_name": f"{url.application} {name}", **session}
    limit = url.connect_timeout or limit
    hosts = url.hosts or (("", None),)
    for host, port in hosts:
        try:
            return await asyncpg.connect(url.driver_url, host=host or None, port=port, timeout=limit, **more)
        except PARAMETER_REFUSED as error:
            raise unavailable(dsn, ValueError(_refused_parameter(error))) from None
        except (OSError, *ELSEWHERE) as error:  # TimeoutError is an OSError
            if (host, port) == hosts[-1]:
                if (reason := _no_host(error, limit)) is None:
                    raise
                raise unavailable(dsn, OSError(reason)) from error
    raise AssertionError("unreachable")


def _refused_parameter(error: BaseException) -> str:
    """Return a sentence for what driver or server say to a parameter of the URL."""
    found = re.search('unrecognized configuration parameter "([^"]+)"', str(error))
    if found is None:
        return str(error)
    near = nearest(found[1], database_url.LIBPQ)
    hint = near if "did you mean" in near else ""
    return f"its parameter {found[1]} is neither one of libpq's nor a setting of the server{hint}"


def _no_host(error: BaseException, limit: float) -> str | None:
    """Return why no host was taken, where the driver's own words do not tell."""
    match error:
        case TimeoutError():
            return f"no answer within {limit:g} s (limit of connecting)"
        case asyncpg.exceptions.TargetServerAttributeNotMatched():
            return "no server that the URL names takes writes now: they are standbys, or read-only"
        case _:
            return None


async def close(raw: asyncpg.Connection) -> None:
    """Close a connection; a server that does not answer is waited for no longer than CLOSE_LIMIT."""
    if raw.is_closed():
        return
    try:
        await raw.close(timeout=CLOSE_LIMIT)
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError):
        raw.terminate()


class Connection:
    """A single connection that one part of the engine owns. One statement runs at a time; others wait in line."""

    def __init__(
        self,
        dsn: str,
        name: str,
        *,
        limit: float = 30.0,
        pooled: bool = False,
        session: Mapping[str, str] = NO_SETTINGS,
    ) -> None:
        """`limit` is how many seconds a statement may take, the wait for the server included."""
        self.name = name
        self.dsn = dsn
        self.limit = limit
        self._pooled = pooled
        self._session = session
        self._raw: asyncpg.Connection | None = None
        self._lock = asyncio.Lock()

    async def fetch(self, statement: str, *arguments: Any, limit: float | None = None) -> list[Any]:
        """Run a statement in a transaction of its own and return its rows.

        Serialization failures and deadlocks are repeated, everything else is raised; after an error that means the
        server is away, and after a statement that ran out of its limit, the next call connects anew.
        """
        rows: list[Any] = await self._repeated(lambda raw: raw.fetch(statement, *arguments), limit or self.limit)
        return rows

    async def _repeated(self, work: Callable[[Any], Awaitable[T]], limit: float) -> T:
        for attempt in range(REPEATS):
            try:
                return await self._limited(work, limit)
            except REPEATABLE:
                if attempt == REPEATS - 1:
                    raise
                await asyncio.sleep(random.uniform(0, 0.01 * 2**attempt))
            except asyncpg.exceptions.InvalidCachedStatementError:
                await self._drop()
        raise AssertionError("unreachable")

    async def transaction(self, work: Callable[[Any], Awaitable[T]], *, limit: float | None = None) -> T:
        """Run `work`, which gets the asyncpg connection, in one transaction; the same limits and repeats as `fetch`.

        `work` may be called again after a serialization failure or deadlock.
        """

        async def within(raw: Any) -> T:
            async with raw.transaction():
                return await work(raw)

        return await self._repeated(within, limit or self.limit)

    async def fetchrow(self, statement: str, *arguments: Any, limit: float | None = None) -> Any:
        """Like `fetch`, for the first row, or None."""
        rows = await self.fetch(statement, *arguments, limit=limit)
        return rows[0] if rows else None

    async def fetchval(self, statement: str, *arguments: Any, limit: float | None = None) -> Any:
        """Like `fetch`, for the first column of the first row, or None."""
        row = await self.fetchrow(statement, *arguments, limit=limit)
        return row[0] if row is not None else None

    async def _limited(self, work: Callable[[Any], Awaitable[T]], limit: float) -> T:
        try:
            async with asyncio.timeout(limit):
                async with self._lock:
                    raw = self._raw
                    if raw is None or raw.is_closed():
                        raw = await self._connect()
                    try:
                        return await work(raw)
                    except LOST:
                        await self._drop()
                        raise
                    except asyncio.CancelledError:
                        # The server may be silent: a line that was cut off in a statement is not used again.
                        await self._drop()
                        raise
        except TimeoutError:
            raise LimitExceeded(f"the {self.name} connection got no answer within its limit of {limit:g} s") from None

    async def _connect(self) -> asyncpg.Connection:
        raw = await connect(self.dsn, name=self.name, pooled=self._pooled, session=self._session)
        self._raw = raw
        return raw

    async def _drop(self) -> None:
        raw, self._raw = self._raw, None
        if raw is not None:
            raw.terminate()

    async def close(self) -> None:
        """Close the line; may be called twice. A server that does not answer is not waited for."""
        raw, self._raw = self._raw, None
        if raw is not None:
            await close(raw)


async def is_pooled(dsn: str) -> bool:
    """Return whether a pooler stands between us and the server: the process it names is not the one that answers.

    Raises:
        DatabaseUnavailable: the database cannot be reached.
    """
    try:
        connection = await connect(dsn, name="", pooled=True)
        try:
            async with asyncio.timeout(CONNECT_LIMIT):
                answering = await connection.fetchval("SELECT pg_backend_pid()")
                return bool(answering != connection.get_server_pid())
        finally:
            connection.terminate()
    except (*LOST, TimeoutError, asyncpg.PostgresError, ValueError) as error:
        raise unavailable(dsn, error) from None

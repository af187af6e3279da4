"""What a clean-up would remove now: the same conditions, in a transaction that reads only."""

import time
from collections.abc import Sequence
from typing import Any

from jobrunner.config import Configuration
from jobrunner.db.connection import TRANSIENT
from jobrunner.errors import ConfigurationError
from jobrunner.queue.cleanup_target import CleanupTarget, NotATable, Occasion
from jobrunner.services.cleanup.report import Report, TargetReport
from jobrunner.services.cleanup.settings import kept, load_periods


async def preview(connection: Any, configuration: Configuration, targets: Sequence[CleanupTarget]) -> Report:
    """Count what would go of each target, all at one moment. Writes nothing.

    `connection` is one of asyncpg, at the begin of a transaction. Rows that a foreign key still refers to are counted,
    too: only removing them tells.
    """
    await connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
    report = Report(is_dry=True)
    rows = await load_periods(connection)
    for target in targets:
        one = TargetReport(target.name, target.what, None)
        report.targets.append(one)
        began = time.monotonic()
        try:
            one.kept = kept(target, rows)
            if one.kept is not None:
                async with connection.transaction():
                    amount = await target.cleaner.count(Occasion(connection, configuration, one.kept))
                one.rows, one.octets = amount.rows, amount.octets
        except NotATable as reason:
            one.note = f"left alone: {reason}"
        except ConfigurationError as error:
            one.error = str(error)
        except TRANSIENT:
            raise
        except Exception as error:
            one.error = " ".join(str(error).split())[:500] or type(error).__name__
        one.seconds = time.monotonic() - began
    return report

"""Cleanup: removes what is old (see `jobrunner.services.cleanup`)."""

from typing import Any

from jobrunner.definitions import JobContext, job
from jobrunner.imports import imported, in_turn


# A run ends by its own time limit; the deadline is above the longest that can be set, and a batch.
@job("Cleanup", crontab="1 1 * * *", deadline=21 * 3600)
async def cleanup(ctx: JobContext, only: str | list[str] | None = None, dry_run: bool = False) -> dict[str, Any]:
    """Remove what is old, each kind of rows after its own period; `only` some kinds; with `dry_run` only count."""
    await imported(
        "jobrunner.queue.cleanup_targets",
        "jobrunner.services.cleanup.preview",
        "jobrunner.services.cleanup.run",
        "jobrunner.services.mail.importing.storing.missing_files",
    )
    from jobrunner.queue.cleanup_targets import choose_targets, cleanup_targets
    from jobrunner.services.cleanup.preview import preview
    from jobrunner.services.cleanup.run import Run
    from jobrunner.services.mail.importing.storing.missing_files import look_for_missing_files

    await in_turn(cleanup_targets)  # they are in modules of their own
    targets = choose_targets(only.split(",") if isinstance(only, str) else only)
    if dry_run:
        async with ctx.connection() as connection, connection.transaction():
            report = await preview(connection, ctx.configuration, targets)
        for one in report.targets:
            ctx.log.info("%s: %s", one.target, one.error or f"{one.rows} would be removed")
        return report.as_dict()
    if only is None:
        try:
            if missing := await look_for_missing_files(ctx.connection, ctx.configuration.data_dir / "files"):
                ctx.log.warning("files that are missing: %d (`jobrunner status` names those of mails)", missing)
        except OSError as error:  # TimeoutError too: what is removed does not wait for it
            ctx.log.warning("the files could not be looked at: %s", error or type(error).__name__)
    report = await Run(
        ctx.connection,
        ctx.configuration,
        targets,
        cancelled=lambda: ctx.cancelled,
        progress=ctx.progress,
        log=ctx.log,
    ).clean()
    return report.as_dict()

"""`jobrunner daemon`: the long-running set-up."""

from typing import Annotated

import typer

app = typer.Typer()


@app.command()
def daemon(
    queues: Annotated[
        str | None, typer.Option(help="Queues to take, separated by commas; all if not given.", metavar="NAMES")
    ] = None,
) -> None:
    """Keep schedules and run jobs until told to stop (SIGTERM or Ctrl-C; a second one stops at once)."""
    import asyncio
    import logging

    from jobrunner.cli.left_tasks import end_without_them
    from jobrunner.cli.logging_setup import set_up_logging
    from jobrunner.cli.output import loop_factory
    from jobrunner.cli.session import session

    async def work() -> int:
        from jobrunner import daemon_process
        from jobrunner.definitions import registry

        async with session(queues=queues) as given:
            set_up_logging(given.configuration)
            if given.embedded:
                logging.getLogger("jobrunner.daemon").info("the embedded PostgreSQL: %s", given.dsn)
            registry.load(given.configuration.imports)
            return await daemon_process.run(
                dsn=given.dsn,
                direct_dsn=given.direct_dsn,
                configuration=given.configuration,
                registry=registry,
            )

    with asyncio.Runner(loop_factory=loop_factory()) as runner:
        try:
            code = runner.run(work())
        finally:
            end_without_them(runner)
    raise typer.Exit(code)

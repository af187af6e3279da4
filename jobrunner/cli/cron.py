"""`jobrunner cron`: the set-up for a crontab line."""

from typing import Annotated

import typer

app = typer.Typer()


@app.command()
def cron(json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False) -> None:
    """Do one pass and exit: fire what is due, run what is ready, at most Jobs Max Portion of the main queue."""
    from jobrunner.cli.logging_setup import set_up_logging
    from jobrunner.cli.output import note, print_json, run
    from jobrunner.cli.session import session

    async def work() -> None:
        from jobrunner.cron import run_pass
        from jobrunner.db import migrations
        from jobrunner.definitions import registry
        from jobrunner.queue.refusal import refusals

        async with session() as given:
            set_up_logging(given.configuration)
            registry.load(given.configuration.imports)
            with refusals(given.direct_dsn):
                if given.configuration.migrate_on_start:
                    await migrations.upgrade(given.direct_dsn)
                done = await run_pass(
                    dsn=given.dsn, direct_dsn=given.direct_dsn, configuration=given.configuration, registry=registry
                )
        if json:
            print_json({"paused": done.paused, "fired": done.fired, "ran": done.ran, "seconds": round(done.seconds, 3)})
        elif done.paused:
            note("Processing is paused: nothing was run (`jobrunner settings reset paused` resumes it).")
        else:
            typer.echo(f"{done.fired} fired, {done.ran} jobs run in {done.seconds:.2f} s")

    run(work())

"""`jobrunner migrate`: bring the database to this version's schema."""

from typing import Annotated

import typer

app = typer.Typer()


@app.command()
def migrate(
    check: Annotated[
        bool, typer.Option("--check", help="Change nothing; exit 1 if something is to apply, else 0.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Apply the migrations that the database lacks; daemons do the same when they start."""
    from jobrunner.cli.output import print_json, run

    names = run(_pending() if check else _upgrade())
    if json:
        print_json({"pending" if check else "applied": names})
    elif not names:
        typer.echo("the schema is current")
    else:
        for name in names:
            typer.echo(f"{'to apply' if check else 'applied'}: {name}")
    raise typer.Exit(1 if check and names else 0)


async def _upgrade() -> list[str]:
    from jobrunner.cli.session import session
    from jobrunner.db.migrations import upgrade
    from jobrunner.queue.refusal import refusals

    async with session() as here:
        with refusals(here.direct_dsn):
            return await upgrade(here.direct_dsn)


async def _pending() -> list[str]:
    from jobrunner.cli.session import session
    from jobrunner.db.migrations import current, revisions, upgrade
    from jobrunner.queue.refusal import refusals

    async with session() as here:
        with refusals(here.direct_dsn):
            found, known = await current(here.direct_dsn), revisions()
            if found is None:
                return known
            if found not in known:
                return await upgrade(here.direct_dsn)  # refuses, and says why
            return known[known.index(found) + 1 :]

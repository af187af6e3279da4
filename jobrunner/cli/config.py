"""`jobrunner config`: what is configured, and where each value comes from."""

from typing import Annotated

import typer

app = typer.Typer(help="Show the configuration.")


@app.command()
def show(
    json: Annotated[bool, typer.Option("--json", help="As JSON.")] = False,
) -> None:
    """Show every setting with its value and where it comes from; secrets are masked."""
    from dataclasses import asdict

    from jobrunner.cli.grid import Column
    from jobrunner.cli.output import table
    from jobrunner.cli.session import load_configuration
    from jobrunner.config import describe

    rows = [asdict(row) for row in describe(load_configuration())]
    table(
        rows,
        {"name": Column(), "value": Column(), "source": Column(rank=1), "description": Column(rank=2, least=20)},
        json=json,
    )


@app.command()
def reference() -> None:
    """Print the table of all settings in Markdown, as it stands in docs/configuration.md."""
    from jobrunner.config import settings

    typer.echo("| environment | file | allowed | default | meaning |\n| --- | --- | --- | --- | --- |")
    for setting in settings():
        key = "" if setting.path == ("config_file",) else f"`{setting.key}`"
        default = "" if setting.default is None else f"`{setting.default}`"
        typer.echo(f"| `{setting.name}` | {key} | {setting.allowed} | {default} | {setting.description} |")

"""`jobrunner version`."""

from typing import Annotated

import typer

app = typer.Typer()


@app.command()
def version(
    json: Annotated[bool, typer.Option("--json", help="As JSON, with the versions below it.")] = False,
) -> None:
    """Show which version this is."""
    import platform
    from importlib import metadata

    from jobrunner.cli.output import print_json

    try:
        own = metadata.version("jobrunner")
    except metadata.PackageNotFoundError:
        own = "unknown (jobrunner runs from a folder without being installed)"
    if json:
        print_json({"jobrunner": own, "python": platform.python_version(), "platform": platform.platform()})
    else:
        typer.echo(f"jobrunner {own}")

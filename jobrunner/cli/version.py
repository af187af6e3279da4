"""`jobrunner version`."""

from typing import Annotated

import typer

app = typer.Typer()


@app.command()
def version(
    json: Annotated[bool, typer.Option("--json", help="As JSON, with the versions below it.")] = False,
) -> None:
    """Show which version this is."""
    from jobrunner.cli.output import print_json

    versions = installed()
    if json:
        print_json(versions)
    else:
        typer.echo(f"jobrunner {versions['jobrunner']}")


def installed() -> dict[str, str]:
    """Return the version of jobrunner and what it runs on."""
    import platform
    from importlib import metadata

    try:
        own = metadata.version("jobrunner")
    except metadata.PackageNotFoundError:
        own = "unknown (jobrunner runs from a folder without being installed)"
    return {"jobrunner": own, "python": platform.python_version(), "platform": platform.platform()}

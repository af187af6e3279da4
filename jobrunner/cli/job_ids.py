"""Ids of jobs as somebody types them."""

import typer


def parse_job_id(text: str) -> int:
    """Return the id; raises BadParameter with a sentence of ours where it is none."""
    try:
        return int(text)
    except ValueError:
        raise typer.BadParameter(
            f"{text[:60]!r} is no job's id, which is a whole number: `jobrunner jobs list` shows them"
        ) from None

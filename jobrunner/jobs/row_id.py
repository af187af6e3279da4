"""The row of a job's target, for jobs whose records are numbered."""

from jobrunner.definitions import JobContext
from jobrunner.errors import InvalidInput


def row_id(ctx: JobContext, needs: str) -> int:
    """Return the id of the target's row.

    Args:
        ctx: of the job.
        needs: how the refusal goes on after the job's name, such as `needs an account: …`.

    Raises:
        InvalidInput: the job has no target, or one whose id is no number.
    """
    id = "" if ctx.target is None else ctx.target.id or ""
    if not (id.isascii() and id.isdecimal()):
        raise InvalidInput(f"{ctx.name} {needs}")
    return int(id)

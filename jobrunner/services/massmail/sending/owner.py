"""What the owner of a mass e-mail is told."""

import logging


async def tell_owner(log: logging.Logger, *, name: str, owner: str, reason: str) -> None:
    """Say that a mass e-mail was paused or has failed. The one place from which owners are notified."""
    log.warning("mass e-mail %r (of %s): %s", name, owner, reason)

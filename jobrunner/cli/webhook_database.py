"""What the commands of webhooks work with."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

if TYPE_CHECKING:
    from jobrunner.config import Configuration
    from jobrunner.db.connection import Connection
    from jobrunner.db.secrets import Keyring
    from jobrunner.services.webhooks.settings import WebhookSettings

Result = TypeVar("Result")

Id = Annotated[str, typer.Argument(help="Id of the webhook.", metavar="WEBHOOK")]


@dataclass(frozen=True)
class WebhookTools:
    """What a command works with."""

    connection: "Connection"
    configuration: "Configuration"
    settings: "WebhookSettings"

    @property
    def keyring(self) -> "Keyring":
        """The keys that open secrets."""
        from jobrunner.db.secrets import Keyring

        return Keyring.from_configuration(self.configuration)


def with_webhooks(work: Callable[[WebhookTools], Awaitable[Result]]) -> Result:
    """Run what needs the database and return its result."""
    from jobrunner.cli.database import opened
    from jobrunner.cli.output import run
    from jobrunner.cli.session import session
    from jobrunner.db.secrets import Keyring, check_key_file
    from jobrunner.services.webhooks.settings import load_webhook_settings

    async def whole() -> Result:
        async with session() as here, opened(here, "webhook") as connection:
            await check_key_file(connection, Keyring.from_configuration(here.configuration))
            return await work(WebhookTools(connection, here.configuration, await load_webhook_settings(connection)))

    return run(whole())

"""What the daemon starts: the log of hits, and the server in front of it."""

from collections.abc import Callable, Sequence

from jobrunner.config import Configuration
from jobrunner.db.connection import Connection
from jobrunner.db.secrets import Keyring
from jobrunner.lifecycle import Group
from jobrunner.services.massmail.tracking import HitLog
from jobrunner.web.app import make_app
from jobrunner.web.server import HttpServer


class Web(Group):
    """Serves pages; at its end it takes no requests any more, and then stores the last hits."""

    def __init__(
        self,
        configuration: Configuration,
        connection: Connection,
        hits_connection: Connection,
        troubles: Callable[[], Sequence[str]],
    ) -> None:
        """`connection` is for pages, `hits_connection` for opens and clicks, so that neither waits for the other."""
        self.hits = HitLog(hits_connection)
        app = make_app(connection, Keyring.from_configuration(configuration), self.hits, troubles)
        self.server = HttpServer(app, configuration.http, required="http.port" in configuration.origins)
        super().__init__(self.hits, self.server, name="web")

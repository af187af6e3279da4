"""What the daemon starts: the log of hits, the server in front of it, and the hub of the pages that are connected."""

from collections.abc import Callable, Sequence

from jobrunner.config import Configuration
from jobrunner.db.connection import Connection
from jobrunner.db.secrets import Keyring
from jobrunner.lifecycle import Group
from jobrunner.services.massmail.tracking import HitLog
from jobrunner.web.app import make_app
from jobrunner.web.push.hub import Hub
from jobrunner.web.push.routes import push_routes
from jobrunner.web.push.tokens import PushTokens
from jobrunner.web.server import HttpServer


class Web(Group):
    """Serves pages; at its end it sends connected pages away, then takes no requests, and then stores the last hits."""

    def __init__(
        self,
        configuration: Configuration,
        connection: Connection,
        hits_connection: Connection,
        troubles: Callable[[], Sequence[str]],
        *,
        popups_connection: Connection,
        hears: Callable[[], bool] = lambda: False,
    ) -> None:
        """Make the parts.

        Args:
            configuration: address, keys, the application's address.
            connection: for pages.
            hits_connection: for opens and clicks, so that neither waits for the other.
            troubles: names what does not work in this daemon.
            popups_connection: for popups.
            hears: whether notifications arrive; while they do not, popups are looked for each second.
        """
        keyring = Keyring.from_configuration(configuration)
        self.hits = HitLog(hits_connection)
        self.hub = Hub(popups_connection, configuration.given_site_url, hears)
        routes = push_routes(self.hub, PushTokens(popups_connection, keyring), configuration.site_url)
        app = make_app(connection, keyring, self.hits, troubles, routes)
        self.server = HttpServer(app, configuration.http, required="http.port" in configuration.origins)
        super().__init__(self.hits, self.server, self.hub, name="web")

"""The application that `procrastinate worker` imports, with the pool that its documentation advises for short jobs."""

import os

from procrastinate import App, PsycopgConnector

from scripts.benchmarks.queueing.procrastinate_worker import CONCURRENCY, define
from scripts.benchmarks.queueing.system import worker_url

app = App(connector=PsycopgConnector(conninfo=worker_url(), max_size=int(os.environ.get(CONCURRENCY, "1")) + 1))
define(app)

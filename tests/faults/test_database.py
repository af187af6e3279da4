"""A database that restarts, locks, or is away."""

import asyncio
import os
import time
from collections import Counter
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from jobrunner.db import migrations
from jobrunner.db.embedded import EmbeddedServer
from tests.faults.test_kill import CREATE_RUN, IMPORTS, account
from tests.support.daemons import DaemonProcess, until

LONG = os.environ.get("JOBRUNNER_LONG") == "1"

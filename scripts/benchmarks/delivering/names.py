"""How the systems are called in the rows."""

OURS = "jobrunner"
LOOP = "aiohttp in a bare loop"
INSERT = "insert only"

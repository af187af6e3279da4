"""How the systems are called in the rows."""

OURS = "jobrunner, defaults"
LARGE_PORTION = "jobrunner, portion 500"
PROCRASTINATE = "procrastinate, concurrency 30"
PGQUEUER = "pgqueuer, defaults"
TUNED = "pgqueuer, tuned"
RAW = "raw loop, batch 500"

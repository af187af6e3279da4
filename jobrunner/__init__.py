"""jobrunner: crontab schedules and a durable job queue on nothing but PostgreSQL."""

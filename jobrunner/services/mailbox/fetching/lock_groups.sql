SELECT jobrunner.lock_groups()

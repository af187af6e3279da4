"""Configuration: what is read once, at start, from options, the environment and a TOML file.

Of several sources the first that names a key wins, key by key: options of the command line, environment
(`JOBRUNNER_LEASE`, nested `JOBRUNNER_SMTP__PORT`), file (`lease`, table `[smtp]`), default. The file is the
one that `--config` or `JOBRUNNER_CONFIG` names, else `./jobrunner.toml`, else `/etc/jobrunner.toml`.

A key of the file that is no setting is refused; a left-over `JOBRUNNER_…` name in the environment is only
pointed out, for a roll-back must not fail on a newer release's names. What the administrator changes while
the daemon runs are the job settings in the database, not these.

Importing this module loads pydantic (0.2 s): import it inside the functions that need it.
"""

from jobrunner.config.describing import describe
from jobrunner.config.loading import load
from jobrunner.config.masking import mask_url
from jobrunner.config.model import Configuration, Smtp, settings

__all__ = ["Configuration", "Smtp", "describe", "load", "mask_url", "settings"]

"""How the systems are called in the rows."""

OURS = "jobrunner, unsigned"
SIGNED = "jobrunner, signed"
LOOP = "obvious loop, unsigned"
LOOP_SIGNED = "obvious loop, dkimpy"
SOURCE = "smtp-source"

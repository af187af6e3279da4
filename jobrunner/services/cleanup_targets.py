"""What the job Cleanup removes, in the order in which it goes: what refers to other rows comes before these.

Each part declares its own, in a module of its own beside its code; they are found by the entry point
`jobrunner.cleanup`.
"""

from jobrunner.queue import finished

TARGETS = (*finished.TARGETS,)

"""One lifecycle for every moving part: start, stop, a loop's single pass, supervision with back-off.

A `Service` is written as two hooks, `_start` and `_stop`; what is hard about them is written once, here:

* `start()` returns when the service works, or raises having undone what it had begun.
* `stop()` may be called before `start`, during it, twice, or by several at once; each call returns when
  nothing of the service is left. Stopped during its start, the start ends with `StoppedWhileStarting`.
* Cancelling `start()` undoes the start. Cancelling `stop()` ends only that wait: the stop goes on.

Both hooks run in tasks of their own, so that whoever calls can be cancelled at any moment and nothing is
half done. A stopped service may be started again.

A `Loop` is a service that does one thing again and again, `once()`. It outlives every unforeseen exception:
it logs it, backs off with jitter, and goes on. What it cannot outlive it tells its owner through `failed()`.
A `Group` starts its parts in order and stops them in reverse.
"""

from jobrunner.lifecycle.group import Group
from jobrunner.lifecycle.loop import Loop
from jobrunner.lifecycle.service import Service, StoppedWhileStarting, cancel

__all__ = ["Group", "Loop", "Service", "StoppedWhileStarting", "cancel"]

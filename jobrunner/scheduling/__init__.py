"""Scheduled jobs: the table, the trigger, firing.

The row of a scheduled job says when it fires next. **Firing** is a compare-and-set on that row in the transaction that
places its job (`jobrunner.fire`, migration 0002): the row must still have the revision and the next fire time that were
read, be Active, and the firing must be due by the database's clock. So however many daemons fire the same second and
whatever their own clocks say, one of them wins and the others learn it in silence; and no old job row is needed to know
what was fired (failures F26 to F28).

**What was missed coalesces.** Whoever fires late fires once, for all fire times from the one that stood in the row
to the last one that is due; the job says so: `first_firing`, `firing`, and how many (`firings`, counted to 10,000).

**No overlap** is the rule of groups: every job of a scheduled job, or of one target of it, is in one group, and the
queue never opens the second of a group beside the first. A firing that finds a job of its group waiting that was never
started is folded into it, in the same words as above. So at most one runs and at most one waits.

**Edits** make a new revision, by a trigger on the table, whoever writes: what the old one has waiting is cancelled, and
nothing of it fires after the commit, since every firing names its revision. A preparing job of an old revision that is
still running ends normally but has no children any more.

**Who watches the clock**: APScheduler, with a trigger of our own (its CronTrigger is not crontab). It only says
"look at this one"; what is due is decided with the database's time, which `DatabaseClock` tells from a measurement
each second and the monotonic clock, never ahead of the server. The watch reads the table every second in any case: it
sees edits whose notification did not arrive, and fires whatever is overdue for whatever reason.
"""

from jobrunner.scheduling.firing import fire_due
from jobrunner.scheduling.scheduler import Scheduler
from jobrunner.scheduling.seed import seed

__all__ = ["Scheduler", "fire_due", "seed"]

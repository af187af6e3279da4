"""From samples to rows: which goal each figure has."""

from scripts.benchmarks.cleaning.sizes import Sizes
from scripts.benchmarks.report import Report, at_least, at_most
from scripts.benchmarks.samples import Samples

RATE = "no-op jobs"
TOOK = "clean-up"
LOCK = "longest wait for a lock of Cleanup"
WAITS = "waits for a lock of Cleanup"
STATEMENT = "longest statement of Cleanup"
WITH = "with Cleanup"
WITHOUT = "without"


def report(samples: Samples, sizes: Sizes) -> Report:
    """Return all rows of a run."""
    rows = Report()
    for name in (WITHOUT, WITH):
        rows.add(RATE, name, samples.median(RATE, name), "jobs/s")
    ratio = samples.ratio(RATE, WITH, WITHOUT)
    rows.add(f"{RATE}: ratio", f"{WITH} / {WITHOUT}", ratio, "times", at_least(0.9))
    what = f"{sizes.jobs:,} jobs, {sizes.removed:,} records"
    rows.add(f"{TOOK} of {what}", WITH, samples.median(TOOK, WITH), "s")
    rows.add(LOCK, WITH, samples.most(LOCK, WITH), "ms", at_most(100))
    rows.add(WAITS, WITH, samples.median(WAITS, WITH), "waits")
    if samples.has(STATEMENT, WITH):
        rows.add(STATEMENT, WITH, samples.most(STATEMENT, WITH), "ms")
    return rows

"""What the clean-up benchmark prints of its samples."""

import pytest

from scripts.benchmarks.cleaning import judging, seeding
from scripts.benchmarks.cleaning.sizes import QUICK
from scripts.benchmarks.samples import Samples


@pytest.mark.parametrize(("rates", "wait", "met"), [((100, 95), 3, [True, True]), ((100, 80), 101, [False, False])])
def test_goals_are_judged_by_the_ratio_and_by_the_longest_wait_of_all_rounds(rates, wait, met):
    samples = Samples()
    for number in range(3):
        samples.add(judging.RATE, judging.WITHOUT, rates[0])
        samples.add(judging.RATE, judging.WITH, rates[1])
        samples.add(judging.TOOK, judging.WITH, 5)
        samples.add(judging.LOCK, judging.WITH, wait if number == 1 else 0)
        samples.add(judging.WAITS, judging.WITH, 1)
    rows = judging.report(samples, QUICK).rows
    assert [row.met for row in rows if row.met is not None] == met
    assert judging.STATEMENT not in [row.figure for row in rows]


def test_a_round_counts_only_if_cleanup_removed_all():
    targets = {"jobs": {"rows": 90_000}, "failed-jobs": {"rows": 10_000}, "deleted-leads": {"rows": QUICK.removed}}
    seeding.check(targets, QUICK)
    with pytest.raises(RuntimeError, match="removed 10,000 jobs"):
        seeding.check({**targets, "jobs": {"rows": 0}}, QUICK)
    with pytest.raises(RuntimeError, match="and 5 records"):
        seeding.check({**targets, "deleted-leads": {"rows": 5}}, QUICK)

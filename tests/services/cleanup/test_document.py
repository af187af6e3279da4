"""docs/cleanup.md names every target with its period and its setting."""

from pathlib import Path

from jobrunner.queue.cleanup_targets import cleanup_targets
from jobrunner.queue.setting import Setting

PAGE = Path(__file__).parents[3] / "docs" / "cleanup.md"


def test_the_table_is_that_of_the_code():
    rows = []
    for target in cleanup_targets():
        kept, name = str(target.period), ""
        if isinstance(target.period, Setting):
            kept, name = f"{target.period.default} {target.period.unit}".strip(), f"`{target.period.name}`"
        rows.append(f"| {target.name} | {target.what} | {kept} | {name} |")
    told = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| ")]
    assert [line for line in told if line in rows] == rows

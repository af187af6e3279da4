"""Clean-up while the queue runs: `scripts/bench cleanup [--quick] [--json]`.

What each figure is, and why it is measured so, stands in docs/benchmarks.md.
"""

import sys
from pathlib import Path

# This file's own folder would hide the standard library's `queue`.
sys.path[0] = str(Path(__file__).resolve().parents[2])

if __name__ == "__main__":
    import uvloop

    from scripts.benchmarks.cleaning.run import main
    from scripts.benchmarks.report import options

    chosen = options("cleanup", "Measure what a clean-up costs the queue, and for how long it locks others out.")
    uvloop.run(main(quick=chosen.quick, as_json=chosen.json, database_url=chosen.database_url))

"""Mass mail beside the obvious loop, and beside Postfix's smtp-source: `scripts/bench mail-out [--quick] [--json]`.

What each figure is, and why it is measured so, stands in docs/benchmarks.md.
"""

import sys
from pathlib import Path

# This file's own folder would hide the standard library's `queue`.
sys.path[0] = str(Path(__file__).resolve().parents[2])

if __name__ == "__main__":
    import uvloop

    from scripts.benchmarks.mailing.run import main
    from scripts.benchmarks.mailing.sink import ProgramMissing
    from scripts.benchmarks.report import options

    chosen = options("mail-out", "Compare mass mail with the obvious loop and with smtp-source.")
    try:
        uvloop.run(main(quick=chosen.quick, as_json=chosen.json, database_url=chosen.database_url))
    except ProgramMissing as missing:
        sys.exit(f"scripts/bench mail-out: {missing}")

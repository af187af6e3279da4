"""Mail in beside two loops of imaplib, and under IDLE: `scripts/bench mail-in [--quick] [--json]`.

What each figure is, and why it is measured so, stands in docs/benchmarks.md.
"""

import sys
from pathlib import Path

# This file's own folder would hide the standard library's `queue`.
sys.path[0] = str(Path(__file__).resolve().parents[2])

if __name__ == "__main__":
    import uvloop

    from scripts.benchmarks.receiving.dovecot import ProgramMissing
    from scripts.benchmarks.receiving.run import main
    from scripts.benchmarks.report import options

    chosen = options("mail-in", "Compare fetching and storing mail with loops of imaplib, and measure it under IDLE.")
    try:
        uvloop.run(main(quick=chosen.quick, as_json=chosen.json, database_url=chosen.database_url))
    except ProgramMissing as missing:
        sys.exit(f"scripts/bench mail-in: {missing}")

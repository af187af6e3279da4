"""Crontab expressions: text → fields → fire times, words, warnings. No clock of its own, nothing written.

`fields` and `parse` read the text, `days` and `pattern` say what matches on a wall clock that never changes,
`stretches` says how a zone's clock really runs, `firing` lays one on the other, and there the summer-time rule
stands. `words`, `traps` and `explanation` tell a person. The dialect is written down in docs/crontab.md.
"""

from jobrunner.crontab.errors import CrontabError
from jobrunner.crontab.explanation import Explanation, explain
from jobrunner.crontab.expression import Crontab
from jobrunner.crontab.zones import zone

__all__ = ["Crontab", "CrontabError", "Explanation", "explain", "zone"]

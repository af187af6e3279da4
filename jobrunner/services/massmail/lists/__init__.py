"""Target lists: who a mass e-mail goes to, as accounts, contacts, leads and users, each with an opt-out of its own.

They are filled in SQL, from Python (`members.py`) or from a CSV file: `lines.py` puts its lines together, `reading.py`
makes records of them, `importing.py` persons and members of those. `exporting.py` writes a file that spreadsheets may
open.
"""

"""Target lists: who a mass e-mail goes to, as accounts, contacts, leads and users, each with an opt-out of its own.

They are filled in SQL, from Python (`members.py`) or from a CSV file (`reading.py` makes records of its lines,
`importing.py` persons and members of those); `exporting.py` writes a file that spreadsheets may open.
"""

"""Storing what was read: rows and files, consistent whatever dies.

`import_batch` takes messages of one folder with their checkpoint. It goes in three steps:

1. The hashes of all files are pinned: rows in `stored_file`, committed at once.
2. The files go from `incoming` to their places, safe from a power failure.
3. One transaction writes the mails, who has them, what names the files, and the checkpoint; or nothing.

If the daemon dies after 1 or 2 there are files that nobody names: their pins run out, and `sweep_files` removes them
with their rows. A row that something names always has its file. Whoever reads the same messages again finds the
checkpoint where it was, and imports them once.

Guards: the account's epoch (a reset in between: `EpochChanged`, nothing is written), the folder's row, which is locked
(a second daemon waits, and finds the UIDs below the checkpoint), and the unique `message_key`.
"""

from jobrunner.services.mail.importing.storing.files import FileAudit, audit_files, settle_files, sweep_files
from jobrunner.services.mail.importing.storing.importer import EpochChanged, Importer, import_batch
from jobrunner.services.mail.importing.storing.outcome import AccountRef, Fetched, FolderRef, Outcome
from jobrunner.services.mail.importing.storing.reading_again import list_troubled, read_again
from jobrunner.services.mail.importing.storing.record_ids import RecordId, RecordIds, load_record_ids

__all__ = [
    "AccountRef",
    "EpochChanged",
    "Fetched",
    "FileAudit",
    "FolderRef",
    "Importer",
    "Outcome",
    "RecordId",
    "RecordIds",
    "audit_files",
    "import_batch",
    "list_troubled",
    "load_record_ids",
    "read_again",
    "settle_files",
    "sweep_files",
]

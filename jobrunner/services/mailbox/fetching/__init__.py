"""One run for one account: what is new at the server becomes mails.

`run` is the run: claim, connect, folder after folder, what is noted of the account at the end. `folder` is one folder:
which messages are new, in which portions they come. `messages` brings a portion over: downloaded, read and imported at
the same time, always in the order of their UIDs, so that the checkpoint never passes a message that is not done.
`recognising` finds what is known in a folder that was numbered anew; `again` tries what an earlier run left behind;
`attachments` fetches a file that was too large to come with its mail, when somebody wants it.
"""

from jobrunner.services.mailbox.fetching.attachments import fetch_attachment
from jobrunner.services.mailbox.fetching.readers import files_root
from jobrunner.services.mailbox.fetching.run import FetchRun, Report
from jobrunner.services.mailbox.fetching.waking import wake_fetch

__all__ = ["FetchRun", "Report", "fetch_attachment", "files_root", "wake_fetch"]

"""Automatic answers of group accounts (RFC 3834).

An answering machine that answers another one never ends by itself, and one that answers a list answers everybody on
it. So a mail is answered only where nothing speaks against it (`permission`): its marks, its sender, its age, whom it
is to. Each answer is counted for its address, thread, domain and account (`limits`), so that even a machine that bears
no marks at all is answered a few times and then no more.

The answer goes to the return path, has none itself, and says of itself that it is an answer (`compose`). It is sent as
reminders are (`run`): a row of `mail_follow_up` belongs to its sender's token while it is Sending; one whose sender
was lost is sent once more, with the same Message-ID, and never a third time. Once it was taken it is a mail of ours
(`email`), in the thread of what it answers: an answer to it finds its case.
"""

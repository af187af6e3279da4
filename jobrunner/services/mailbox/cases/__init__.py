"""Cases that mail opens, and those that it belongs to.

A mail belongs to a case that it is about already (it answers a mail of that case, or one of our ids says so), else to
the one whose number stands in its subject as `[#12]`, else it opens one. Numbers can be guessed: `[#12]` is believed
only from an address that occurs on that case already, or from a user; from anybody else the mail opens a case that
mentions it.

**Who gets it.** By Direct-Assignment the account's own user; else one of its team: in turn, or whoever has the fewest
open cases. Whoever picks holds the team's row until the case is committed, so that two mails at the same moment do not
both go to the user who was next.
"""

from jobrunner.services.mailbox.cases.opening import CaseStep, find_or_open_case

__all__ = ["CaseStep", "find_or_open_case"]

"""What only the template of an automatic answer may name."""

from jobrunner.services.mail.templates.template import Allowed

CASE = frozenset({"number", "name", "status", "id"})
ANSWERED: Allowed = {
    **dict.fromkeys(("Case", "Parent"), CASE),
    "Email": frozenset({"subject", "from_name", "from_address", "date_sent"}),
}
"""The case and the mail. Nothing of that one's text or files: whoever forges a sender's address could have us send it
(RFC 3834, 3.1.6)."""

"""What templates of mass mail may name: fields of the person that a mail goes to, and tracking URLs."""

import re

from jobrunner.services.mail.templates import PERSON, Allowed

ALLOWED: Allowed = dict.fromkeys(("Person", "Account", "Contact", "Lead", "User"), PERSON)
"""`Person` is whoever gets the mail; under the name of another kind of record it has no fields."""
TRACKING_URL = re.compile(r"\{trackingUrl:(\d{1,18})\}")
"""The placeholder of one, with its id."""

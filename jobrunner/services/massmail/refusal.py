"""What the tables of mass mail refuse, as one sentence."""

from jobrunner.db.refusals import Refusals
from jobrunner.services.email_templates.refusal import NAME

SENTENCES = {
    "name_is_a_name": NAME,
    "campaign_ends_after_its_start": "a campaign may not end before it starts",
    "campaign_of_mass_email_stays": "the campaign of a mass e-mail cannot be changed: add another mass e-mail",
    "campaign_has_mass_emails": "only campaigns of type Email, Newsletter and Informational Email have mass e-mails",
    "campaign_has_tracking_urls": "only campaigns of type Email and Newsletter have tracking URLs",
    "campaign_type_is_locked": "the type of a campaign that has a mass e-mail cannot be changed",
    "url_is_http": "a tracking URL begins with http:// or https:// and has no blanks or name of a user",
    "redirect_has_a_url": "a tracking URL that redirects needs a URL",
    "message_is_there": "a tracking URL that shows a message needs the message",
    "from_address_is_an_address": "the sender must be an address such as news@example.com",
    "from_name_is_one_line": "the sender's name is one line of at most 255 letters",
    "reply_to_address_is_an_address": "the address for replies must be one such as help@example.com",
    "reply_to_name_is_one_line": "the name for replies is one line of at most 255 letters",
}

refusals_in_words = Refusals(SENTENCES).in_words

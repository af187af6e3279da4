"""What the tables refuse, as one sentence."""

from jobrunner.db.refusals import Refusals

SENTENCES = {
    "email_is_an_address": "the email must be an address such as ann@example.com, without blanks or line breaks",
    "time_zone_is_known": "the time zone must be named after a region and a city, such as Europe/Berlin, or UTC",
    "language_is_a_tag": "the language must be a tag such as en or de_AT",
    "start_is_a_moment_or_a_day": "the start must be a moment or, for all day, a date",
    "article_has_a_name": "the name of an article must be one line of 1 to 255 letters",
    "article_body_is_not_too_long": "the text of an article may have 5 MiB: put what is longer into a file",
    "article_expires_after_it_is_published": "an article must expire after the day on which it is published",
    "fields_are_an_object": 'the fields of a person must be an object, such as {"city": "Paris"}',
    "due_is_a_moment_or_a_day": "a task is due at a moment or, for all day, on a date",
}

refusals_in_words = Refusals(SENTENCES).in_words

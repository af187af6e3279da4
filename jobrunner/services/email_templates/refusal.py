"""What the tables of templates refuse, as one sentence."""

from jobrunner.db.refusals import Refusals

NAME = "a name has 1 to 255 letters, not digits only, no line breaks, and no blanks around it"
"""Of names that `jobrunner.is_name` refuses."""

SENTENCES = {
    "name_is_a_name": NAME,
    "subject_is_one_line": "a subject is one line of at most 998 letters",
    "body_is_not_too_long": "a body may have 5 MB",
}

refusals_in_words = Refusals(SENTENCES).in_words

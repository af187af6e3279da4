"""Which language somebody is spoken to in."""

import pytest

from jobrunner.services.mail.languages import words_in

LANGUAGES = {"en": "Hello", "de": "Hallo", "de_AT": "Servus", "fr": "Bonjour"}


@pytest.mark.parametrize(
    ("wishes", "words"),
    [
        ([], "Hello"),
        ([None, ""], "Hello"),
        (["de"], "Hallo"),
        (["DE"], "Hallo"),
        (["de_AT"], "Servus"),
        (["de-AT"], "Servus"),
        (["de_CH"], "Hallo"),
        (["tlh", "fr"], "Bonjour"),
        (["tlh"], "Hello"),
        ([None, "da, fr;q=0.8, en;q=0.7"], "Bonjour"),
        (["en;q=0.5, de-AT;q=0.9"], "Servus"),
        (["fr;q=0, de;q=0.1"], "Hallo"),
        (["*"], "Hello"),
        (["d" * 100_000], "Hello"),
    ],
)
def test_the_first_wish_that_can_be_met(wishes, words):
    assert words_in(LANGUAGES, *wishes) == words

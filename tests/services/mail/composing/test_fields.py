"""Fields of mail in bulk."""

import pytest

from jobrunner.errors import InvalidInput
from jobrunner.services.mail.composing.fields import ListId, bulk_fields, unsubscribe_fields


def test_the_ways_to_unsubscribe():
    url, mailto = "https://example.com/u/abc?x=1", "mailto:u+abc@example.com"

    assert unsubscribe_fields(url)["List-Unsubscribe"] == f"<{url}>"
    assert unsubscribe_fields(url, mailto) == {
        "List-Unsubscribe": f"<{url}>, <{mailto}>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
    }


@pytest.mark.parametrize(
    "bad", ["", "ftp://a", "https://", "https://a b", "https://a,b", "https://a>", "https://ä", "https://a\n"]
)
def test_what_is_no_url_is_refused(bad: str):
    with pytest.raises(InvalidInput, match="must be a URL"):
        unsubscribe_fields(bad)
    with pytest.raises(InvalidInput, match="must be a mailto: URL"):
        unsubscribe_fields("https://a", bad)


@pytest.mark.parametrize("bad", ["a:b", "a b", "ä", "a\n"])
def test_a_feedback_id_has_four_parts(bad: str):
    with pytest.raises(InvalidInput, match="part of the Feedback-ID"):
        bulk_fields("c", bad, "newsletter", "s")


@pytest.mark.parametrize("bad", ["", "list", "a b.c", "<a.b>", "ä.example.com", "a.b\n"])
def test_what_is_no_list_id_is_refused(bad: str):
    with pytest.raises(InvalidInput, match="a List-Id must be of the form"):
        ListId(bad).to_bytes()


def test_a_list_id_without_a_description_keeps_its_brackets():
    assert ListId("garden.example.com").to_bytes() == b"List-Id: <garden.example.com>\r\n"

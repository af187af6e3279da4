"""What a page may say."""

import pytest

from jobrunner.errors import InvalidInput
from jobrunner.web.limits import MESSAGE_LIMIT
from jobrunner.web.push.actions import parse


@pytest.mark.parametrize("letter", ["a", "é", "€"])
def test_a_message_is_limited_in_bytes_whatever_its_letters_are(letter: str):
    room = MESSAGE_LIMIT - len('{"token":""}')
    longest = '{"token":"%s"}' % (letter * (room // len(letter.encode())))
    assert parse(longest) == parse(longest.encode())
    for too_long in (longest + "   ", (longest + "   ").encode()):
        with pytest.raises(InvalidInput, match="at most 4096 bytes"):
            parse(too_long)


@pytest.mark.parametrize("text", [b"\xff\xfe", "[" * 4000, '"seen"', "null"])
def test_what_is_no_object_is_refused(text: str | bytes):
    with pytest.raises(InvalidInput, match="is a JSON object"):
        parse(text)

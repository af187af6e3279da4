"""The ids that receivers see."""

from uuid import UUID, uuid4

import pytest

from jobrunner.services.webhooks.message_ids import message_id, read_message_id


def test_there_and_back():
    for id in [UUID(int=0), UUID(int=(1 << 128) - 1), *(uuid4() for _ in range(100))]:
        text = message_id(id)
        assert text.startswith("msg_")
        assert len(text) == 30
        assert "." not in text
        assert read_message_id(text) == read_message_id(text[4:].lower()) == id


@pytest.mark.parametrize("text", ["", "msg_", "msg_1", "msg_" + "Z" * 26, "msg_" + "U" * 26, "evt_" + "0" * 26])
def test_what_is_none(text: str):
    assert read_message_id(text) is None

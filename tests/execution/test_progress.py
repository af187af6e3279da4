import pytest

from jobrunner.execution.progress import MESSAGE_LIMIT, progress_of


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        (0, 0.0),
        (0.25, 0.25),
        (True, 1.0),
        (1.0000001, 1.0),
        (50, 1.0),
        (float("inf"), 1.0),
        (-3, 0.0),
        (float("nan"), 0.0),
    ],
)
def test_a_share_is_from_0_to_1(said, kept):
    assert progress_of(said, None) == (kept, None)


def test_a_message_is_storable_and_short():
    assert progress_of(0.5, "a\0b") == (0.5, "a�b")
    _, message = progress_of(0.5, "x" * 5000)
    assert len(message or "") == MESSAGE_LIMIT


def test_what_is_no_number_is_the_jobs_error():
    with pytest.raises((TypeError, ValueError)):
        progress_of("half", None)  # type: ignore[arg-type]

"""Which messages are fetched together."""

from hypothesis import given
from hypothesis import strategies as st

from jobrunner.services.mail.imap import Details, plan_batches
from jobrunner.services.mail.imap.planning import uid_set


def details(uid: int, size: int) -> Details:
    return Details(uid, size, frozenset(), None)


def test_batches_by_number_and_by_size():
    sizes = [10, 10, 10, 50, 101, 60, 30]
    plan = plan_batches([details(uid, size) for uid, size in enumerate(sizes, 1)], most_messages=2, most_octets=100)
    assert plan.batches == [[1, 2], [3, 4], [6, 7]]
    assert [message.uid for message in plan.large] == [5]


@given(st.lists(st.integers(0, 150)), st.integers(1, 5))
def test_nothing_is_missing_nothing_twice(sizes: list[int], most: int):
    messages = [details(uid, size) for uid, size in enumerate(sizes, 1)]
    plan = plan_batches(messages, most_messages=most, most_octets=100)
    planned = [uid for batch in plan.batches for uid in batch]
    assert sorted([*planned, *(message.uid for message in plan.large)]) == [message.uid for message in messages]
    assert planned == sorted(planned)
    for batch in plan.batches:
        assert 0 < len(batch) <= most
        assert sum(sizes[uid - 1] for uid in batch) <= 100


def test_uid_sets():
    assert uid_set([]) == ""
    assert uid_set([1, 2, 3, 5, 7, 8]) == "1:3,5,7:8"


@given(st.sets(st.integers(1, 300)).map(sorted))
def test_a_set_names_what_it_was_made_of(uids: list[int]):
    named: list[int] = []
    for run in uid_set(uids).split(",") if uids else []:
        first, _, last = run.partition(":")
        named += range(int(first), int(last or first) + 1)
    assert named == uids

"""The canonical forms, held against dkimpy's."""

from dkim.canonicalization import Relaxed
from hypothesis import given
from hypothesis import strategies as st

from jobrunner.services.mail.composing.dkim.canonical import relaxed_body, relaxed_field

bodies = st.lists(st.sampled_from([b" ", b"\t", b"\r\n", b"a", b"=\r\n", b"  b"]), max_size=20).map(
    lambda pieces: b"".join([*pieces, b"\r\n"])
)


@given(bodies)
def test_bodies(body: bytes):
    assert relaxed_body(body) == Relaxed.canonicalize_body(body)


@given(st.lists(st.sampled_from([b" ", b"\t", b"\r\n ", b"\r\n\t", b"a", b"B:"]), max_size=12).map(b"".join))
def test_fields(value: bytes):
    ((name, expected),) = Relaxed.canonicalize_headers([(b"Subject", value + b"\r\n")])

    assert relaxed_field(b"Subject:" + value) + b"\r\n" == name + b":" + expected

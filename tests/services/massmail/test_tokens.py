"""Signed tokens: what we signed is read, and nothing else."""

import base64
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jobrunner.db.secrets import SigningKeys
from jobrunner.services.massmail.links import Links
from jobrunner.services.massmail.tokens import Token, TokenKind, Tokens

ITEM = UUID("00112233-4455-6677-8899-aabbccddeeff")
KEYS = {1: bytes(range(32)), 2: bytes(range(32, 64))}
TOKENS = Tokens(SigningKeys(2, KEYS))

kinds = st.sampled_from(TokenKind)
extras = st.integers(0, 2**64 - 1)

VECTORS = [
    (1, TokenKind.UNSUBSCRIBE, 0, "aeaqaejcgncfkztxrcm2vo6m3xxp7qd4oxxbf27rza2gy7orbz2k4ry"),
    (2, TokenKind.OPEN, 0, "aibaaejcgncfkztxrcm2vo6m3xxp7k7vacbei3h6ojtxkvffzgfus6q"),
    (2, TokenKind.CLICK, 4711, "ambaaejcgncfkztxrcm2vo6m3xxp6aaaaaaaaaasm7aaany2bwytxknb3j7tp7pqsaka"),
    (2, TokenKind.BOUNCE, 0, "aqbaaejcgncfkztxrcm2vo6m3xxp6fdifp6czibwgyhucufyuzns7wa"),
]


@pytest.mark.parametrize(("key", "kind", "extra", "text"), VECTORS)
def test_tokens_of_today_are_read_for_ever(key, kind, extra, text):
    """Links in mails that were sent do not change: this test must not be changed either."""
    assert Tokens(SigningKeys(key, KEYS)).sign(kind, ITEM, extra) == text
    assert TOKENS.read(text) == Token(kind, ITEM, extra)


@given(kinds, st.uuids(), extras, st.sampled_from([1, 2]))
def test_what_was_signed_is_read(kind, item, extra, key):
    extra = extra if kind is TokenKind.CLICK else 0
    text = Tokens(SigningKeys(key, KEYS)).sign(kind, item, extra)

    assert TOKENS.read(text) == Token(kind, item, extra)
    assert TOKENS.read(text.upper()) == Token(kind, item, extra)
    assert len(text) == (68 if kind is TokenKind.CLICK else 55)
    assert set(text) <= set("abcdefghijklmnopqrstuvwxyz234567")


@given(st.text() | st.text(alphabet="abcdefghijklmnopqrstuvwxyz234567", min_size=50, max_size=70))
def test_any_other_text_is_none(text):
    """H15."""
    assert TOKENS.read(text) is None


@given(kinds, st.uuids(), st.data())
def test_one_changed_character_makes_it_void(kind, item, data):
    """H15: also where only bits of the encoding change that carry nothing."""
    text = TOKENS.sign(kind, item, 7)
    place = data.draw(st.integers(0, len(text) - 1))
    other = data.draw(st.sampled_from([c for c in "abcdefghijklmnopqrstuvwxyz234567" if c != text[place]]))

    assert TOKENS.read(text[:place] + other + text[place + 1 :]) is None


@given(kinds, st.uuids(), st.integers(0, 67))
def test_one_that_is_cut_off_or_longer_is_void(kind, item, length):
    """H15."""
    text = TOKENS.sign(kind, item, 7)

    assert TOKENS.read(text[: min(length, len(text) - 1)]) is None
    assert TOKENS.read(text + "a") is None
    assert TOKENS.read(text + "=") is None
    assert TOKENS.read(" " + text) is None


def test_a_token_of_one_kind_cannot_be_made_into_one_of_another():
    """H15: swapped."""
    raw = bytearray(base64.b32decode(TOKENS.sign(TokenKind.OPEN, ITEM).upper() + "="))
    raw[0] = TokenKind.UNSUBSCRIBE.value

    assert TOKENS.read(base64.b32encode(raw).decode().rstrip("=").lower()) is None


def test_a_key_that_is_gone_reads_nothing():
    text = TOKENS.sign(TokenKind.OPEN, ITEM)

    assert Tokens(SigningKeys(1, {1: KEYS[1]})).read(text) is None
    assert Tokens(SigningKeys(2, {2: bytes(32)})).read(text) is None


def test_the_zero_key_is_no_way_in():
    """H15: what stands in for a key that is not there signs nothing that is read."""
    forged = Tokens(SigningKeys(9, {9: bytes(32)})).sign(TokenKind.UNSUBSCRIBE, ITEM)

    assert TOKENS.read(forged) is None


def test_links():
    links = Links("https://crm.example.org/x", TOKENS)

    names = links.names(ITEM, 12, [3], opt_out=True, pixel=True)
    assert names["queueItemId"] == "12"
    assert names["optOutUrl"].startswith("https://crm.example.org/x/unsubscribe/")
    assert TOKENS.read(names["optOutUrl"].rpartition("/")[2]) == Token(TokenKind.UNSUBSCRIBE, ITEM)
    assert TOKENS.read(names["openPixelUrl"].rpartition("/")[2]) == Token(TokenKind.OPEN, ITEM)
    assert TOKENS.read(names["trackingUrl:3"].rpartition("/")[2]) == Token(TokenKind.CLICK, ITEM, 3)
    assert links.names(ITEM, 12, opt_out=False, pixel=False) == {"queueItemId": "12"}
    assert links.headers(ITEM)[0] == ("List-Unsubscribe", f"<{names['optOutUrl']}>")


def test_a_bounce_token_fits_into_a_local_part():
    """RFC 5321: 64 octets at most."""
    assert len(f"bounces+{Links('https://x', TOKENS).bounce_token(ITEM)}") <= 64

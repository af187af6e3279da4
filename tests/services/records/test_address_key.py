"""`jobrunner.address_key()` and the addresses that mail is sent to agree on what is the same."""

import asyncio
from contextlib import suppress

import asyncpg
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from jobrunner.errors import InvalidInput
from jobrunner.services.mail.address import parse_address
from jobrunner.services.records.addresses import address_key

LETTERS = st.one_of(
    st.characters(codec="ascii", categories=["Ll", "Lu", "Nd"]),
    st.sampled_from("äÖßẞéçñĀŁœÆøЖжΩωΣσςשלом日本語한글ÿŸ½№ﬁKÅ"),
    st.characters(min_codepoint=0xA0, max_codepoint=0x10FFF, categories=["Ll", "Lu", "Lo", "Lm", "Mn", "Nd"]),
)
LABEL = st.text(LETTERS, min_size=1, max_size=12)
KEYS = """
    SELECT
        jobrunner.address_key(t.text) AS of_text,
        jobrunner.address_key(t.sent) AS of_sent,
        jobrunner.address_key(jobrunner.address_key(t.text)) AS of_key
    FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS t (text, sent, place)
    ORDER BY t.place
"""
ADDRESS = st.builds("{}@{}.{}".format, st.text(LETTERS, min_size=1, max_size=12), LABEL, LABEL)


@pytest.mark.parametrize(
    ("address", "key"),
    [
        ("Ann@Example.COM", "ann@example.com"),
        (" ann@example.com\r\n", "ann@example.com"),
        ("Zoë@BÜCHER.example", "zoë@xn--bcher-kva.example"),
        ("Zoe\u0308@example.com", "zoë@example.com"),
        ("a@xn--bcher-kva.example", "a@xn--bcher-kva.example"),
        ("a@faß.de", "a@xn--fa-hia.de"),
        ("a@例え.テスト", "a@xn--r8jz45g.xn--zckzah"),
        ("a@правда.рф", "a@xn--80aafi6cg.xn--p1ai"),
        ("odd@two@Example.com", "odd@two@example.com"),
        ("nobody", "nobody"),
        ("É", "é"),
        ("", ""),
        (None, None),
    ],
)
async def test_keys(connection, address, key):
    assert await connection.fetchval("SELECT jobrunner.address_key($1)", address) == key


def test_it_agrees_with_addresses(database_url):
    with asyncio.Runner() as runner:
        connection = runner.run(asyncpg.connect(database_url))

        @settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
        @given(st.lists(ADDRESS, min_size=20, max_size=60))
        @example(["ΟΔΟΣ@ΟΔΟΣ.gr", "İ@İ.tr", "a@ab。cd.de"])
        def check(texts):
            sent = {}
            for text in texts:
                with suppress(InvalidInput):
                    sent[text] = parse_address(text)
            keys = runner.run(connection.fetch(KEYS, list(sent), [str(address) for address in sent.values()]))
            for row, (text, address) in zip(keys, sent.items(), strict=True):
                assert (text, row["of_text"], row["of_sent"], row["of_key"]) == (text, *[address_key(address)] * 3)

        try:
            check()
        finally:
            runner.run(connection.close())

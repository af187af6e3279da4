"""What a table refuses, as one sentence: by a sentence of the rule's own, or a general one that shows no secret."""

from typing import Any

import pytest

from jobrunner.db.refusals import Refusals, refusals_in_words
from jobrunner.errors import Conflict, InvalidInput

TABLE = """
CREATE TEMPORARY TABLE city (
    id integer PRIMARY KEY,
    name text NOT NULL CONSTRAINT city_name_is_unique UNIQUE CONSTRAINT city_has_a_name CHECK (name <> ''),
    mayor integer CONSTRAINT city_has_a_mayor REFERENCES city (id)
);
INSERT INTO city VALUES (1, 'Bath')
"""
ADD = "INSERT INTO city VALUES ($1, $2, $3)"
CANARY = "canary-5ecret"
OWN = Refusals({"city_has_a_name": "a city has a name", "city_name_is_unique": "that city is there"})
QUIET = Refusals({}, quoting=False)


@pytest.fixture
async def connection(connection: Any) -> Any:
    await connection.execute(TABLE)
    return connection


@pytest.mark.parametrize(
    ("row", "error", "plain", "named"),
    [
        ((1, "Rome", None), Conflict, "there is one already: Key (id)=(1) already exists.", "there is a city of that"),
        ((2, "", None), InvalidInput, "the value breaks the rule city_has_a_name", "the city breaks the rule"),
        ((2, "Rome", 7), InvalidInput, "it refers to what is not there: Key (mayor)=(7)", "the city refers to what"),
        ((2, None, None), InvalidInput, "the value cannot be stored: null value", "the city cannot be stored: null"),
        ((2, "a\0", None), InvalidInput, "the value cannot be stored: invalid byte", "the city cannot be stored: inv"),
        ((2, 3, None), InvalidInput, "the value cannot be stored: invalid input", "the city cannot be stored: inv"),
    ],
)
async def test_each_kind_of_refusal(connection: Any, row: Any, error: Any, plain: str, named: str):
    for sentence, what in ((plain, ""), (named, "city")):
        with pytest.raises(error) as refused, refusals_in_words(what):
            await connection.execute(ADD, *row)
        assert str(refused.value).startswith(sentence)
        assert "\n" not in str(refused.value)
        assert refused.value.__suppress_context__


async def test_a_rule_with_a_sentence_of_its_own(connection: Any):
    for row, error, sentence in (((2, ""), InvalidInput, "a city has a name"), ((2, "Bath"), Conflict, "that city is")):
        with pytest.raises(error, match=sentence), OWN.in_words("city"):
            await connection.execute(ADD, *row, None)


@pytest.mark.parametrize("row", [(2, CANARY + "\0", None), (2, None, None), (CANARY, "Rome", None)])
async def test_what_holds_secrets_is_not_quoted(connection: Any, row: Any):
    with pytest.raises(InvalidInput) as refused, QUIET.in_words("account"):
        await connection.execute(ADD, *row)
    assert str(refused.value) == "the account cannot be stored"


async def test_what_is_no_refusal_passes(connection: Any):
    with pytest.raises(Exception, match="does not exist"), refusals_in_words():
        await connection.execute("SELECT nothing FROM city")

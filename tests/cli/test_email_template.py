"""`jobrunner email-template`, as a person types it."""

import pytest

REFUSED = [
    ("{% if x %}unclosed", "line 1 of the {} is refused: Unexpected end of template."),
    ("Hi\n{% include %}", "line 2 of the {} is refused: "),
    ("Hi\n\n{{ Person.name | tojson }}", "line 3 of the {} is refused: the filter 'tojson' cannot be used here"),
]


async def names(call):
    return {row["name"]: row["subject"] for row in (await call("email-template", "list", "--json")).json}


@pytest.mark.parametrize(("text", "sentence"), REFUSED)
@pytest.mark.parametrize(("option", "part"), [("--text", "text"), ("--html", "HTML")])
async def test_one_that_could_not_be_sent_is_not_added(call, tmp_path, option, part, text, sentence):
    (tmp_path / "a").write_text(text)
    done = await call("email-template", "add", "T", "--subject", "Hi", option, "a")
    assert (done.code, done.out, len(done.err.splitlines())) == (2, "", 1)
    assert done.err.startswith(f"Error: {sentence.format(part)}")
    assert await names(call) == {}


async def test_one_that_could_not_be_sent_any_more_stays_as_it_was(call, tmp_path):
    (tmp_path / "a.html").write_text("<p>{% if Person.name %}Hi{% endif %}</p>")
    (tmp_path / "a.txt").write_text("Hi {{ Person.name")
    (tmp_path / "bad.txt").write_text("Hi {{ Person.name.upper() }}")
    assert (await call("email-template", "add", "T", "--subject", "Hi", "--html", "a.html")).code == 0
    done = await call("email-template", "edit", "T", "--subject", "{{ }}")
    assert (done.code, done.err.startswith("Error: line 1 of the subject is refused: ")) == (2, True)
    assert await names(call) == {"T": "Hi"}
    done = await call("email-template", "edit", "T", "--text", "bad.txt", "--subject", "Ho")
    assert (done.code, "line 1 of the text is refused: nothing but range" in done.err) == (2, True)
    assert await names(call) == {"T": "Hi"}
    assert (await call("email-template", "edit", "T", "--text", "a.txt", "--subject", "Ho")).code == 0
    assert await names(call) == {"T": "Ho"}

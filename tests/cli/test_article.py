"""`jobrunner article`: what it prints, and what it refuses."""

import pytest

from tests.cli.calling import Call, caller, outside


@pytest.fixture
def call(database_url: str, monkeypatch: pytest.MonkeyPatch, capsys: "pytest.CaptureFixture[str]") -> Call:
    monkeypatch.setenv("JOBRUNNER_DATABASE_URL", database_url)
    return caller(capsys)


async def test_the_life_of_an_article(call: Call):
    added = (await call("article", "add", "How to", "--category", "A", "--publish-date", "2026-01-01", "--json")).json
    id = added["id"]
    assert (added["status"], added["categories"], added["publish_date"]) == ("Draft", ["A"], "2026-01-01")

    assert (await call("article", "edit", id, "--approved", "--clear", "category", "--name", "How")).code == 0
    assert (await call("article", "review", id)).out.startswith("in review")
    assert (await outside("run-job", "ControlKnowledgeBaseArticleStatus")).code == 0
    assert [(row["name"], row["status"]) for row in (await call("article", "list")).rows] == [("How", "Published")]
    await call("article", "archive", id, "--reason", "wrong")
    shown = (await call("article", "show", id, "--json")).json
    assert [change["new_status"] for change in shown["history"]] == ["Draft", "In Review", "Published", "Archived"]
    assert shown["history"][-1]["reason"] == "wrong"
    assert shown["categories"] == []

    await call("article", "remove", id)
    assert (await call("article", "list")).rows == []
    assert len((await call("article", "list", "--deleted")).rows) == 1
    assert (await call("article", "restore", id)).code == 0
    assert len((await call("article", "list", "--status", "archived")).rows) == 1


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("show", "17"), "there is no article '17'"),
        (("publish", "17"), "there is no article '17'"),
        (("remove", "17"), "there is no article '17'"),
        (("add", "A", "--publish-date", "tomorrow"), "must be a date such as 2026-12-01"),
        (("add", "A", "--publish-date", "2026-01-02", "--expiration-date", "2026-01-02"), "must expire after"),
        (("add", "A", "--status", "Done"), "there is no status 'Done'"),
        (("add", "A", "--user", "nobody"), "there is no user 'nobody'"),
        (("add", "A", "--publish-date", "none"), "`edit --clear publish-date` takes it away"),
        (("edit", "17"), "nothing to change"),
    ],
)
async def test_what_is_refused_is_said_in_one_sentence(call: Call, arguments: tuple[str, ...], sentence: str):
    done = await call("article", *arguments)
    assert done.code == 2
    assert sentence in done.err

"""`jobrunner webhook` and `jobrunner emit`, as a person types them."""

from io import StringIO

import pytest
from aiohttp import web

from tests.cli.calling import caller
from tests.services.webhooks.stage import KEY, Stage, answers, staged


@pytest.fixture
async def stage(database_url, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("JOBRUNNER_DATABASE_URL", database_url)
    monkeypatch.setenv("JOBRUNNER_SECRET_KEY", KEY)
    async with staged(database_url) as stage:
        yield stage


@pytest.fixture
async def call(capsys, stage):
    return caller(capsys)


async def test_the_life_of_a_webhook(call, stage: Stage):
    await stage.user("ann")
    url = stage.endpoints.url()
    done = await call("webhook", "add", "--event", "Account.*", "--url", url, "--owner", "ann", "--format", "standard")
    assert done.code == 0, done.err
    said, secret = done.lines
    assert said == f"added webhook 1 (Account.* to 127.0.0.1:{stage.endpoints.port})"
    assert secret.startswith("whsec_")
    assert "not shown again" in done.err
    assert "Warning: http://" in done.err
    (row,) = (await call("webhook", "list")).rows
    assert (row["id"], row["event"], row["url"], row["state"], row["owner"]) == (
        "1",
        "Account.*",
        url,
        "healthy",
        "ann",
    )
    done = await call("webhook", "edit", 1, "--inactive", "--description", "the shop", "--clear", "owner")
    assert done.code == 0, done.err
    (one,) = (await call("webhook", "list", "--json")).json
    assert (one["state"], one["description"], one["owner"]) == ("inactive", "the shop", None)
    assert secret not in (await call("webhook", "list", "--json")).out
    assert (await call("webhook", "enable", 1)).code == 0
    done = await call("webhook", "rotate-secret", 1)
    assert done.lines[1] != secret
    assert "24 h" in done.err
    assert len((await call("webhook", "rotate-secret", 1, "--now", "--json")).json["secret"]) == 50
    assert (await call("webhook", "remove", 1, 2)).code == 2
    done = await call("webhook", "add", "--event", "Account.*", "--url", url)
    assert "Warning: webhook 1 tells the same URL of the same events" in done.err
    assert (await call("webhook", "add", "--event", "Task.*", "--url", url)).code == 0
    done = await call("webhook", "remove", 1, 2, 1)
    assert (done.code, [line.split(" (")[0] for line in done.lines]) == (0, ["removed webhook 1", "removed webhook 2"])
    assert [one["id"] for one in (await call("webhook", "remove", 3, "--json")).json] == [3]
    assert (await call("webhook", "list")).rows == []


async def test_events_and_what_became_of_them(call, stage: Stage):
    await stage.webhook("Account.*", format="standard")
    done = await call("emit", "Account.create", "--data", '{"n": 1}', "--target-type", "Account", "--target-id", "9")
    assert (done.code, done.out) == (0, "event 1\n"), done.err
    assert (await call("emit", "Account.update", "--data", '{"n": 2}', "--json")).json == {"number": 2}
    done = await call("emit", "Contact.create")
    assert (done.code, done.out) == (0, "")
    assert "no webhook listens to Contact.create" in done.err
    stage.endpoints.answers["/a"] = answers(200, 410)
    await stage.run()
    second, first = (await call("webhook", "deliveries", 1)).rows
    assert (first["number"], first["status"], first["target_id"]) == ("1", "Success", "9")
    assert (second["status"], second["last_error"]) == ("Failed", "answered with 410: it is gone for good")
    (found,) = (await call("webhook", "deliveries", 1, "--webhook-id", first["message_id"], "--json")).json
    assert found["number"] == 1
    done = await call("webhook", "replay", 1, "--failed")
    assert done.out.startswith("1 delivery goes to webhook 1 ")
    assert "webhook enable 1" in done.err
    assert (await call("webhook", "replay", 1, "--since", "2h", "--json")).json == {"numbers": [1]}
    assert [row["status"] for row in (await call("webhook", "deliveries", 1)).rows] == ["Pending", "Pending"]


async def test_the_test_shows_what_is_said(call, stage: Stage):
    webhook = await stage.webhook()
    done = await call("webhook", "test", webhook)
    assert done.code == 0, done.err
    assert done.lines[0] == f"POST {stage.endpoints.url()}"
    assert done.lines[-1] == "it works"
    assert any(line.startswith("webhook-signature: v1,") for line in done.lines)
    assert "answered with 200 from 127.0.0.1" in done.out
    assert stage.secrets[webhook] not in done.out
    stage.endpoints.answers["/a"] = answers(500)
    done = await call("webhook", "test", webhook)
    assert done.code == 1
    assert done.lines[-1] == "it does not work: answered with 500"


async def test_a_redirect_is_shown_whole_to_who_tries_it(call, stage: Stage):
    """But not in logs: the rest of a URL may be secret."""
    webhook = await stage.webhook()
    stage.endpoints.answers["/a"] = lambda arrival: web.Response(
        status=308, headers={"Location": "https://new.example.com/a?token=s3cret"}
    )
    done = await call("webhook", "test", webhook)
    assert done.code == 1
    assert "Location: https://new.example.com/a?token=s3cret" in done.lines
    assert "s3cret" not in done.lines[-1]


async def test_data_from_standard_input(call, stage: Stage, monkeypatch):
    await stage.webhook("E.*")
    for text, code in (('{"n": 1}', 0), ("{", 2)):
        monkeypatch.setattr("sys.stdin", StringIO(text))
        assert (await call("emit", "E.x", "--data", "-")).code == code
    (row,) = await stage.pool.fetch("SELECT data::text FROM jobrunner.webhook_event")
    assert row["data"] == '{"n": 1}'


REFUSED = (
    (("emit", "Account create"), "an event is named by words"),
    (("emit", "Account.create", "--data", "{"), "--data must be a JSON object"),
    (("emit", "Account.create", "--data", "[1]"), "--data must be a JSON object"),
    (("webhook", "add", "--event", "A.*", "--url", "http://10.0.0.1/"), "webhook_allowed_hosts"),
    (("webhook", "add", "--event", "A.*", "--url", "https://example.org/", "--format", "xml"), "array or standard"),
    (("webhook", "add", "--event", "A.*", "--url", "https://example.org/", "--owner", "bob"), "there is no user"),
    (
        ("webhook", "add", "--event", "A.*", "--url", "hooks.example.org"),
        "must begin with https:// or http://; write it",
    ),
    (("emit", "Account.create", "--data", "9" * 5000), "numbers up to 1.8e308"),
    (("emit", "Account.create", "--user", "x" * 65), "a user's id must have 1 to 64 letters, got 65"),
    (("emit", "Account.create", "--target-id", "x" * 256), "a target's id must have 1 to 255 letters"),
    (("webhook", "replay", "1", "--failed", "--since", "2h"), "one of these"),
    (("webhook", "test", "7"), "there is no webhook '7'"),
    (("webhook", "edit", "1"), "give what is to change"),
    (("webhook", "edit", "1", "--clear", "url"), "cannot be taken away"),
    (("webhook", "replay", "1"), "say what to replay"),
    (("webhook", "replay", "1", "--since", "soon"), "is no time"),
    (("webhook", "replay", "1", "5"), "no delivery of event 5"),
    (("webhook", "deliveries", "1", "--status", "Lost"), "Pending, Success or Failed"),
    (("webhook", "rotate-secret", "1", "--secret-env", "NOPE"), "no variable"),
)
"""Calls, and what is in the sentence that they get."""


async def test_what_is_refused_in_one_sentence(call, stage: Stage):
    await stage.webhook()
    for arguments, words in REFUSED:
        done = await call(*arguments)
        assert (done.code, done.out) == (2, ""), arguments
        assert words in done.err
        assert len(done.err.strip().splitlines()) == 1

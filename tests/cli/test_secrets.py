"""`jobrunner secrets`, as a person types it."""

import base64

import pytest

from jobrunner.db.secrets import Key, Keyring, signing_keys

KEY = base64.b64encode(bytes(range(32))).decode()


async def test_a_new_key_is_32_bytes_and_another_each_time(call):
    first, second = (await call("secrets", "new-key")).out, (await call("secrets", "new-key")).out
    assert len(base64.b64decode(first)) == 32
    assert first != second


async def test_rotation_by_the_configuration(call, connection, monkeypatch):
    old, new = Key.new(), Key.new()
    await signing_keys(connection, Keyring([old]), "links")
    monkeypatch.setenv("JOBRUNNER_SECRET_KEY", new.text)
    monkeypatch.setenv("JOBRUNNER_SECRET_KEYS_FORMER", old.text)
    done = await call("secrets", "status")
    assert [(row["key"], row["role"], row["values"]) for row in done.rows] == [
        (new.id, "current", "0"),
        (old.id, "former", "1"),
    ]
    assert "`jobrunner secrets rotate`" in done.err
    done = await call("secrets", "rotate")
    assert (done.code, done.out) == (0, f"1 values sealed anew; the key is {new.id}\n")
    monkeypatch.delenv("JOBRUNNER_SECRET_KEYS_FORMER")
    assert (await call("secrets", "status", "--json")).json == [{"key": new.id, "role": "current", "values": 1}]
    done = await call("secrets", "rotate", "--json")
    assert done.json == {"current": new.id, "made": False, "resealed": 0, "unreadable": []}


async def test_a_key_that_is_not_at_hand_is_pointed_out(call, connection, monkeypatch):
    old, new = Key.new(), Key.new()
    await signing_keys(connection, Keyring([old]), "links")
    monkeypatch.setenv("JOBRUNNER_SECRET_KEY", new.text)
    done = await call("secrets", "status")
    assert {"key": old.id, "role": "not at hand", "values": "1"} in done.rows
    assert (done.code, "JOBRUNNER_SECRET_KEYS_FORMER" in done.err) == (1, True)
    assert (await call("secrets", "status", "--json")).code == 1
    done = await call("secrets", "rotate")
    assert done.code == 1
    assert f"it was sealed with the key {old.id}, and at hand is only {new.id}" in done.err


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        ({"SECRET_KEY": "canary"}, "JOBRUNNER_SECRET_KEY must be 32 bytes in base64, and is no base64"),
        ({"SECRET_KEY": "Y2FuYXJ5"}, "JOBRUNNER_SECRET_KEY must be 32 bytes in base64, and has 6"),
        ({"SECRET_KEY_FILE": "nowhere.key"}, "is not there: `jobrunner secrets new-key` prints a key for it"),
        ({}, "set JOBRUNNER_SECRET_KEY (`jobrunner secrets new-key` makes one)"),
        ({"SECRET_KEYS_FORMER": KEY}, "JOBRUNNER_SECRET_KEYS_FORMER needs JOBRUNNER_SECRET_KEY beside it"),
        ({"SECRET_KEY": KEY, "SECRET_KEYS_FORMER": "canary,"}, "one of them must be 32 bytes in base64"),
    ],
)
async def test_a_wrong_key_is_refused_in_a_sentence(call, monkeypatch, variables, sentence):
    """H21: what was given for a key is not repeated."""
    for name, value in variables.items():
        monkeypatch.setenv(f"JOBRUNNER_{name}", value)
    done = await call("secrets", "rotate")
    assert (done.code, done.out) == (2, "")
    assert sentence in done.err
    assert "canary" not in done.err
    assert "Y2FuYXJ5" not in done.err


async def test_signing_keys_are_added(call, connection, monkeypatch):
    key = Key.new()
    monkeypatch.setenv("JOBRUNNER_SECRET_KEY", key.text)
    assert (await call("secrets", "new-signing-key", "links")).out == "signing key 1 of links\n"
    done = await call("secrets", "new-signing-key", "link")
    assert (done.code, done.err) == (2, "Error: nothing is signed for 'link'; did you mean links?\n")
    done = await call("secrets", "new-signing-key", "nosuch")
    assert done.err == "Error: nothing is signed for 'nosuch'; there are links, message-ids, popups\n"
    assert set((await signing_keys(connection, Keyring([key]), "links")).keys) == {1}


async def test_config_show_hides_the_keys(call, monkeypatch):
    key, former = Key.new(), Key.new()
    monkeypatch.setenv("JOBRUNNER_SECRET_KEY", key.text)
    monkeypatch.setenv("JOBRUNNER_SECRET_KEYS_FORMER", f"{former.text}, {Key.new().text}")
    done = await call("config", "show")
    assert done.code == 0
    assert key.text not in done.out
    assert former.text not in done.out

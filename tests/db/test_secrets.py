"""Secrets at rest: sealing, keys in files, signing keys, and a rotation that is killed wherever it is."""

import asyncio
import base64
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from jobrunner.config import Configuration
from jobrunner.db.secrets import (
    Key,
    Keyring,
    SecretUnreadable,
    check_key_file,
    renew_signing_key,
    signing_keys,
)
from jobrunner.db.secrets.key_file import make_key_file, read_keys, replace_key_file
from jobrunner.db.secrets.rotation import key_uses, rotate
from jobrunner.errors import ConfigurationError

ROOT = Path(__file__).parents[2]
CANARY = "canary-S3cret"
KEY = base64.b64encode(bytes(range(32))).decode()
PLACE = "smtp_account/12/password"


def test_a_secret_comes_back_and_is_not_to_be_seen():
    keyring = Keyring([Key.new()])
    sealed = keyring.seal(CANARY, place=PLACE)
    assert keyring.open(sealed, place=PLACE).get_secret_value() == CANARY
    assert sealed.startswith(f"v1:{keyring.current.id}:")
    assert CANARY not in sealed
    assert CANARY.encode() not in base64.b64decode(sealed.rpartition(":")[2])
    assert sealed != keyring.seal(CANARY, place=PLACE), "each time with a nonce of its own"
    assert keyring.current.text not in repr(keyring.current)


@pytest.mark.parametrize("secret", ["", "ü€😀", "x" * 100_000, "-----BEGIN PRIVATE KEY-----\nabc\n"])
def test_secrets_of_any_kind(secret):
    keyring = Keyring([Key.new()])
    assert keyring.open(keyring.seal(secret, place=PLACE), place=PLACE).get_secret_value() == secret


def unreadable(keyring: Keyring, sealed: str, place: str = PLACE) -> str:
    with pytest.raises(SecretUnreadable) as refusal:
        keyring.open(sealed, place=place)
    text = str(refusal.value)
    assert "\n" not in text
    assert PLACE.split("/")[0] in text
    assert CANARY not in text
    assert all(key.text not in text for key in keyring.keys)
    return text


def test_what_cannot_be_read_is_one_sentence():
    """H22: wrong key, another place, a changed or cut text: one sentence, and nothing readable in it."""
    keyring = Keyring([Key.new()])
    sealed = keyring.seal(CANARY, place=PLACE)
    other = Keyring([Key.new()])
    assert f"sealed with the key {keyring.current.id}, and at hand is only {other.current.id}" in unreadable(
        other, sealed
    )
    assert "put that key into JOBRUNNER_SECRET_KEYS_FORMER" in unreadable(other, sealed)
    assert "none is at hand; put that key into JOBRUNNER_SECRET_KEY, or" in unreadable(Keyring(), sealed)
    assert "sealed for another place" in unreadable(keyring, sealed, "smtp_account/13/password")
    assert "sealed for another place" in unreadable(keyring, sealed, "smtp_account/12/dkim_key")
    assert "cut off or was never sealed" in unreadable(keyring, CANARY)
    assert "cut off or was never sealed" in unreadable(keyring, "")
    for length in range(len(sealed)):
        unreadable(keyring, sealed[:length])
    head, data = sealed.rpartition(":")[0], bytearray(base64.b64decode(sealed.rpartition(":")[2]))
    for place in range(len(data)):
        data[place] ^= 1
        unreadable(keyring, f"{head}:{base64.b64encode(data).decode()}")
        data[place] ^= 1
    renamed = sealed.replace(keyring.current.id, other.current.id)
    assert "damaged" in unreadable(other, renamed)


def test_a_former_key_opens_and_the_current_one_seals():
    old, new = Key.new(), Key.new()
    sealed = Keyring([old]).seal(CANARY, place=PLACE)
    both = Keyring([new, old])
    assert both.open(sealed, place=PLACE).get_secret_value() == CANARY
    assert both.seal(CANARY, place=PLACE).startswith(f"v1:{new.id}:")


async def test_clear_text_cannot_be_stored(connection):
    """H22: the column itself refuses what was not sealed."""
    with pytest.raises(asyncpg.CheckViolationError):
        await connection.execute(
            "INSERT INTO jobrunner.signing_key (purpose, number, key) VALUES ('links', 1, $1)", CANARY
        )


# Where keys come from


def configuration(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, **values: Any) -> Configuration:
    monkeypatch.chdir(tmp_path)
    return Configuration(data_dir=tmp_path, **values)


def test_with_the_embedded_server_a_key_is_made_at_its_first_use(monkeypatch, tmp_path):
    keyring = Keyring.from_configuration(configuration(monkeypatch, tmp_path))
    file = tmp_path / "secret.key"
    assert keyring.keys == ()
    assert not file.exists()
    sealed = keyring.seal(CANARY, place=PLACE)
    assert file.stat().st_mode & 0o777 == 0o600
    again = Keyring.from_configuration(configuration(monkeypatch, tmp_path))
    assert again.open(sealed, place=PLACE).get_secret_value() == CANARY
    assert [path.name for path in tmp_path.iterdir()] == ["secret.key"], "nothing is left of its making"


def test_with_a_database_of_ones_own_a_key_must_be_given(monkeypatch, tmp_path):
    keyring = Keyring.from_configuration(configuration(monkeypatch, tmp_path, database_url="postgresql://crm@db/crm"))
    assert keyring.keys == ()
    with pytest.raises(ConfigurationError, match="`jobrunner secrets new-key` makes one"):
        keyring.seal(CANARY, place=PLACE)
    assert list(tmp_path.iterdir()) == []


def test_a_key_in_a_file_that_is_named(monkeypatch, tmp_path):
    current, former = Key.new(), Key.new()
    file = tmp_path / "keys"
    file.write_text(f"# ours\n\n{current.text}  # of May\n{former.text}\n")
    file.chmod(0o600)
    given = configuration(monkeypatch, tmp_path, database_url="postgresql://crm@db/crm", secret_key_file=file)
    assert Keyring.from_configuration(given).keys == (current, former)


@pytest.mark.parametrize(
    ("text", "mode", "sentence"),
    [
        ("", 0o600, "holds no key"),
        (f"{KEY}\ncanary\n", 0o600, "line 2 of the key file"),
        (KEY, 0o644, "chmod 600"),
        (KEY, 0o620, "chmod 600"),
    ],
)
def test_a_key_file_that_is_none(tmp_path, text, mode, sentence):
    file = tmp_path / "keys"
    file.write_text(text)
    file.chmod(mode)
    with pytest.raises(ConfigurationError, match=sentence) as refusal:
        read_keys(file)
    assert "canary" not in str(refusal.value)


def test_a_key_file_may_be_readable_by_a_group(tmp_path):
    """As a mounted secret is, which the group of the container reads."""
    file = tmp_path / "keys"
    file.write_text(Key.new().text)
    file.chmod(0o440)
    assert len(read_keys(file) or ()) == 1


def test_of_many_starters_one_makes_the_key(tmp_path):
    file = tmp_path / "secret.key"
    with ThreadPoolExecutor(16) as threads:
        made = list(threads.map(lambda _: make_key_file(file), range(64)))
    assert len({keys[0].id for keys in made}) == 1
    assert list(tmp_path.iterdir()) == [file]


def test_a_process_that_runs_on_follows_its_key_file(tmp_path):
    """A daemon opens what was re-sealed since it began, and seals with the key that is the current one now."""
    file = tmp_path / "secret.key"
    (old,) = make_key_file(file)
    running = Keyring(file=file, own_file=True)
    before = running.seal(CANARY, place=PLACE)
    new = Key.new()
    replace_key_file(file, [new, old])
    assert running.open(new.seal(CANARY, PLACE), place=PLACE).get_secret_value() == CANARY
    assert running.open(before, place=PLACE).get_secret_value() == CANARY
    assert running.seal(CANARY, place=PLACE).startswith(f"v1:{new.id}:")


# Signing keys


async def test_a_signing_key_is_made_once_and_lasts(connection, database_url):
    keyring = Keyring([Key.new()])
    others = [await asyncpg.connect(database_url) for _ in range(8)]
    made = await asyncio.gather(*(signing_keys(other, keyring, "links") for other in others))
    for other in others:
        await other.close()
    assert len({keys.keys[1] for keys in made}) == 1
    assert len(made[0].keys[1]) == 32
    assert made[0].current == 1
    assert (await signing_keys(connection, keyring, "other")).keys[1] != made[0].keys[1]
    assert await renew_signing_key(connection, keyring, "links") == 2
    renewed = await signing_keys(connection, keyring, "links")
    assert renewed.current == 2
    assert renewed.keys[1] == made[0].keys[1]
    assert repr(renewed) == "SigningKeys(current=2)"


async def test_a_key_file_that_is_gone_is_not_made_anew(connection, tmp_path):
    """H22: said with what is lost and what helps, as long as something is sealed that nothing else opens."""
    keyring = Keyring(file=tmp_path / "secret.key", own_file=True)
    await check_key_file(connection, keyring)
    await signing_keys(connection, keyring, "links")
    lost = (tmp_path / "secret.key").read_text()
    (tmp_path / "secret.key").unlink()
    with pytest.raises(ConfigurationError) as refused:
        await check_key_file(connection, keyring)
    assert str(refused.value).startswith(
        f"the key file {tmp_path}/secret.key is gone, and nothing else opens 1 sealed password or key in the database: "
        "put it back from your copy"
    )
    with pytest.raises(ConfigurationError, match="is gone"):  # nor in a process that runs on
        await signing_keys(connection, keyring, "other")
    assert not (tmp_path / "secret.key").exists()
    former = Keyring([Key.parse(lost.splitlines()[-1], "the lost key")], file=tmp_path / "secret.key", own_file=True)
    await check_key_file(connection, former)  # it opens them
    # A new key on purpose: what the lost one signed is not known any more.
    make_key_file(tmp_path / "secret.key")
    await check_key_file(connection, keyring)
    with pytest.raises(SecretUnreadable, match=r"`jobrunner secrets new-signing-key links`"):
        await signing_keys(connection, Keyring(file=tmp_path / "secret.key", own_file=True), "links")
    anew = Keyring(file=tmp_path / "secret.key", own_file=True)
    assert await renew_signing_key(connection, anew, "links") == 2
    assert list((await signing_keys(connection, anew, "links")).keys) == [2]


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda path: None, "is not there: `jobrunner secrets new-key` prints a key for it"),
        (lambda path: path.mkdir(), "is not a file"),
        (lambda path: path.touch(0o600), "holds no key: `jobrunner secrets new-key` makes one"),
        (lambda path: path.symlink_to(path), "cannot be read (Too many levels of symbolic links)"),
    ],
)
async def test_a_key_file_that_cannot_be_used(connection, tmp_path, make, sentence):
    make(tmp_path / "key")
    with pytest.raises(ConfigurationError) as refused:
        await check_key_file(connection, Keyring(file=tmp_path / "key"))
    assert sentence in str(refused.value)
    assert str(tmp_path / "key") in str(refused.value)


async def test_two_rows_whose_ciphertexts_were_swapped(connection):
    """H22: each is bound to its row."""
    keyring = Keyring([Key.new()])
    await signing_keys(connection, keyring, "one")
    await signing_keys(connection, keyring, "two")
    await connection.execute(
        "UPDATE jobrunner.signing_key AS s SET key = o.key FROM jobrunner.signing_key AS o WHERE o.id <> s.id"
    )
    for purpose in ("one", "two"):
        with pytest.raises(SecretUnreadable, match="was sealed for another place"):
            await signing_keys(connection, keyring, purpose)


# Rotation


async def seal_some(connection: Any, keyring: Keyring, number: int = 5) -> dict[str, bytes]:
    """Make values in two tables, one of them an application's table of a later version; return the signing keys."""
    await connection.execute(
        "CREATE TABLE jobrunner.of_the_next_release (name text PRIMARY KEY, secret jobrunner.sealed, other text)"
    )
    for name in ("a", "b'; --"):
        sealed = keyring.seal(CANARY, place=f"of_the_next_release/{name}/secret")
        await connection.execute("INSERT INTO jobrunner.of_the_next_release VALUES ($1, $2, 'x')", name, sealed)
    await connection.execute("INSERT INTO jobrunner.of_the_next_release VALUES ('empty', NULL, 'x')")
    return {str(n): (await signing_keys(connection, keyring, str(n))).keys[1] for n in range(number)}


async def assert_readable(connection: Any, keyring: Keyring, made: dict[str, bytes]) -> None:
    assert {purpose: (await signing_keys(connection, keyring, purpose)).keys[1] for purpose in made} == made
    rows = await connection.fetch("SELECT name, secret FROM jobrunner.of_the_next_release WHERE secret IS NOT NULL")
    for row in rows:
        place = f"of_the_next_release/{row['name']}/secret"
        assert keyring.open(row["secret"], place=place).get_secret_value() == CANARY


async def test_rotation_reseals_every_column_of_that_type(connection):
    old, new = Key.new(), Key.new()
    made = await seal_some(connection, Keyring([old]))
    both = Keyring([new, old])
    done = await rotate(connection, both)
    assert (done.resealed, done.current, done.made, done.unreadable) == (7, new.id, False, ())
    await assert_readable(connection, Keyring([new]), made)
    assert [(use.key, use.role, use.values) for use in await key_uses(connection, both)] == [
        (new.id, "current", 7),
        (old.id, "former", 0),
    ]
    assert (await rotate(connection, both)).resealed == 0


async def test_what_cannot_be_opened_stays_and_is_named(connection):
    strange, new = Key.new(), Key.new()
    await seal_some(connection, Keyring([strange]), 1)
    await connection.execute("DELETE FROM jobrunner.of_the_next_release WHERE name <> 'a'")
    done = await rotate(connection, Keyring([new]))
    assert done.resealed == 0
    assert len(done.unreadable) == 2
    assert any("of_the_next_release/a/secret" in sentence for sentence in done.unreadable)


async def test_a_value_that_is_changed_meanwhile_is_not_overwritten(connection, database_url):
    """Compare and set: a password that is entered while the rotation holds the old one in its hands stays."""
    old, new = Key.new(), Key.new()
    await seal_some(connection, Keyring([old]), 0)
    entered = old.seal("entered meanwhile", "of_the_next_release/a/secret")

    class Meddler:
        """A connection behind which somebody enters a password just before it is resealed."""

        async def fetch(self, statement: str, *arguments: Any) -> list[Any]:
            if arguments[1:2] == ("a",) and not hasattr(self, "done"):
                self.done = True
                await connection.execute(
                    "UPDATE jobrunner.of_the_next_release SET secret = $1 WHERE name = 'a'", entered
                )
            return await connection.fetch(statement, *arguments)

    done = await rotate(Meddler(), Keyring([new, old]))
    assert done.resealed == 2
    sealed = await connection.fetchval("SELECT secret FROM jobrunner.of_the_next_release WHERE name = 'a'")
    assert new.open(sealed, "of_the_next_release/a/secret") == "entered meanwhile"


async def kill_where_it_waits(connection: Any, process: "subprocess.Popen[str]") -> None:
    async with asyncio.timeout(30):
        while not await connection.fetchval(
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'advisory' AND datname = current_database()"
        ):
            assert process.poll() is None, process.communicate()
            await asyncio.sleep(0.02)
    process.kill()
    process.communicate()


async def until_alone(connection: Any) -> None:
    async with asyncio.timeout(30):
        while await connection.fetchval(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
            " AND backend_type = 'client backend'"
        ):
            await asyncio.sleep(0.02)


def start_rotation(database_url: str, tmp_path: Path, program: str = "") -> "subprocess.Popen[str]":
    """Rotate as the command does with an embedded server: by the key file of its data folder."""
    code = f"""
import asyncio, asyncpg, os, signal
from pathlib import Path
from jobrunner.db.secrets import Keyring, key_file
from jobrunner.db.secrets.rotation import rotate
{program}
async def main():
    connection = await asyncpg.connect({database_url!r})
    done = await rotate(connection, Keyring(file=Path({str(tmp_path / "secret.key")!r}), own_file=True))
    print(done.resealed, done.made)
    await connection.close()
asyncio.run(main())
"""
    return subprocess.Popen(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


async def test_a_rotation_that_is_killed_at_each_value(connection, database_url, tmp_path):
    """H22: killed before and after each value is resealed, both keys work meanwhile, and the next one ends it."""
    keyring = Keyring(file=tmp_path / "secret.key", own_file=True)
    made = await seal_some(connection, keyring)
    first = keyring.current.id
    # Each resealing asks whether it may: the test holds the n-th one.
    await connection.execute(
        """
        CREATE SEQUENCE public.steps;
        CREATE FUNCTION public.step() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            PERFORM pg_catalog.pg_advisory_xact_lock(nextval('public.steps'));
            RETURN NEW;
        END; $$;
        CREATE TRIGGER step BEFORE UPDATE ON jobrunner.signing_key FOR EACH ROW EXECUTE FUNCTION public.step();
        CREATE TRIGGER step BEFORE UPDATE ON jobrunner.of_the_next_release FOR EACH ROW EXECUTE FUNCTION public.step();
        """
    )
    done = 0
    while done < 6:
        for comes_through in (False, True):
            step = await connection.fetchval("SELECT last_value + is_called::integer FROM public.steps")
            await connection.execute("SELECT pg_catalog.pg_advisory_lock($1)", step)
            process = start_rotation(database_url, tmp_path)
            await kill_where_it_waits(connection, process)
            if comes_through:  # the statement had reached the server, which ends it
                done += 1
            else:
                await connection.execute(
                    "SELECT pg_catalog.pg_terminate_backend(pid) FROM pg_catalog.pg_stat_activity"
                    " WHERE wait_event = 'advisory' AND datname = current_database()"
                )
            await connection.execute("SELECT pg_catalog.pg_advisory_unlock($1)", step)
            await until_alone(connection)
            assert len(read_keys(tmp_path / "secret.key") or ()) == 2, "a rotation that goes on makes no third key"
            await assert_readable(connection, keyring, made)
            uses = {use.role: use.values for use in await key_uses(connection, keyring)}
            assert uses == {"current": done, "former": 7 - done}
    process = start_rotation(database_url, tmp_path)
    out, err = process.communicate(timeout=30)
    assert out == "1 False\n", err
    await assert_readable(connection, keyring, made)
    assert keyring.current.id != first
    assert [use.values for use in await key_uses(connection, keyring)] == [7, 0]


@pytest.mark.parametrize("step", ["os.fsync", "os.replace"])
async def test_a_rotation_that_is_killed_while_it_writes_the_key_file(connection, database_url, tmp_path, step):
    """H22: the key file is the old one or the new one, never a half."""
    keyring = Keyring(file=tmp_path / "secret.key", own_file=True)
    made = await seal_some(connection, keyring)
    for moment in ("before", "after"):
        program = f"""
real = {step}
def deadly(*arguments):
    if {moment == "after"}:
        real(*arguments)
    os.kill(os.getpid(), signal.SIGKILL)
{step} = deadly
"""
        process = start_rotation(database_url, tmp_path, program)
        process.communicate(timeout=30)
        assert process.returncode == -signal.SIGKILL
        await assert_readable(connection, keyring, made)
    done = await rotate(connection, keyring)
    assert done.resealed == 7
    await assert_readable(connection, keyring, made)


async def test_with_a_key_file_of_its_own_each_rotation_has_a_new_key(connection, tmp_path):
    keyring = Keyring(file=tmp_path / "secret.key", own_file=True)
    made = await seal_some(connection, keyring)
    first, second = await rotate(connection, keyring), await rotate(connection, keyring)
    assert first.made
    assert second.made
    assert first.current != second.current
    assert second.resealed == 7
    assert len(keyring.keys) == 3, "former ones stay, for copies of the database"
    await assert_readable(connection, keyring, made)
    assert (tmp_path / "secret.key").stat().st_mode & 0o777 == 0o600


async def test_a_copy_of_the_database_tells_nothing(connection):
    """H22: neither the secrets nor the key are in what a dump holds."""
    keyring = Keyring([Key.new()])
    made = await seal_some(connection, keyring)
    rows = await connection.fetch("SELECT s::text FROM jobrunner.signing_key AS s")
    rows += await connection.fetch("SELECT s::text FROM jobrunner.of_the_next_release AS s")
    text = "\n".join(row[0] for row in rows)
    assert CANARY not in text
    assert keyring.current.text not in text
    assert all(base64.b64encode(key).decode() not in text for key in made.values())

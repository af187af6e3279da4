import asyncio
from pathlib import Path

import asyncpg
import pytest

import jobrunner
from jobrunner.errors import InvalidInput
from jobrunner.queue.engine_settings import SETTINGS
from jobrunner.queue.setting import can_run_in_parallel
from jobrunner.queue.setting_groups import declared_groups, find_setting, reference
from jobrunner.queue.settings import Settings, get_setting, list_settings, load_settings, reset_setting, set_setting


def test_defaults_are_those_of_each_setting():
    settings = Settings()
    assert {name: getattr(settings, name) for name in SETTINGS} == {
        "paused": False,
        "jobs_run_in_parallel": can_run_in_parallel(),
        "jobs_max_portion": 15,
        "jobs_pool_concurrency_number": 8,
        "daemon_interval": 10,
        "time_zone": "UTC",
        "force_utc_time_zone": False,
        "cleanup_job_period": 30,
        "cleanup_failed_job_period": 90,
        "cleanup_job_log_period": 30,
    }
    assert {name: setting.default for name, setting in SETTINGS.items()} == {
        name: getattr(settings, name) for name in SETTINGS
    }


@pytest.mark.parametrize(
    ("queue", "portion"), [("main", 15), ("m0", 200), ("q0", 200), ("q1", 500), ("e0", 100), ("my own", 200)]
)
def test_each_queue_has_its_own_portion(queue, portion):
    settings = Settings()
    assert settings.portion(queue) == portion
    assert settings.concurrency(queue) == 100
    assert settings.weight(queue) == 1.0


async def test_what_is_set_is_loaded(connection):
    assert await load_settings(connection) == Settings()
    for name, text in [
        ("jobs_max_portion", "500"),
        ("Jobs Run in Parallel", "off"),
        ("daemon-interval", "60"),
        ("time_zone", "Europe/Berlin"),
        ("queue_q0_max_portion", "7"),
        ("queue_a_b_weight_weight", "2.5"),
        ("queue_main_concurrency", "3"),
    ]:
        await set_setting(connection, name, text, "ada")
    settings = await load_settings(connection)
    assert settings.jobs_max_portion == 500 == settings.portion("main")
    assert settings.jobs_run_in_parallel is False
    assert settings.daemon_interval == 60
    assert settings.crontab_time_zone == "Europe/Berlin"
    assert settings.portion("q0") == 7
    assert settings.weight("a_b_weight") == 2.5
    assert settings.concurrency("main") == 3
    assert settings.problems == ()
    await set_setting(connection, "force_utc_time_zone", True, "ada")
    assert (await load_settings(connection)).crontab_time_zone == "UTC"


async def test_paused_says_who_and_since_when(connection):
    assert (await load_settings(connection)).paused_by is None
    first = await set_setting(connection, "paused", "yes", "ada@desk")
    settings = await load_settings(connection)
    assert (settings.paused, settings.paused_by, settings.paused_since) == (True, "ada@desk", first.changed_at)
    assert (await set_setting(connection, "paused", True, "bob")) == first, "paused already: who did it stays"
    await set_setting(connection, "paused", False, "bob")
    settings = await load_settings(connection)
    assert (settings.paused, settings.paused_by, settings.paused_since) == (False, None, None)


async def test_reset_returns_to_the_default(connection):
    await set_setting(connection, "jobs_max_portion", 1, "ada")
    row = await reset_setting(connection, "jobs_max_portion")
    assert (row.value, row.changed_at, row.changed_by) == (15, None, None)
    assert (await load_settings(connection)).jobs_max_portion == 15
    assert (await reset_setting(connection, "jobs_max_portion")) == row


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("jobs_max_portion", "0", "jobs_max_portion must be a whole number from 1 to 10000 jobs, got '0'"),
        ("jobs_max_portion", 10_001, "jobs_max_portion must be a whole number from 1 to 10000 jobs, got 10001"),
        ("jobs_max_portion", "many", "jobs_max_portion must be a whole number from 1 to 10000 jobs, got 'many'"),
        ("jobs_max_portion", "1.5", "jobs_max_portion must be a whole number from 1 to 10000 jobs, got '1.5'"),
        ("jobs_max_portion", "٣", "jobs_max_portion must be a whole number from 1 to 10000 jobs, got '٣'"),
        ("jobs_max_portion", True, "jobs_max_portion must be a whole number from 1 to 10000 jobs, got True"),
        ("jobs_max_portion", None, "jobs_max_portion must be a whole number from 1 to 10000 jobs, got None"),
        (
            "daemon_interval",
            "9" * 5000,
            "daemon_interval must be a whole number from 1 to 3600 s, got '" + "9" * 59 + "…",
        ),
        ("jobs_pool_concurrency_number", 257, "must be a whole number from 1 to 256 processes, got 257"),
        ("queue_q0_weight", "nan", "queue_q0_weight must be a number from 0.01 to 1000, got 'nan'"),
        ("queue_q0_weight", float("nan"), "queue_q0_weight must be a number from 0.01 to 1000, got nan"),
        ("queue_q0_weight", 10**400, "queue_q0_weight must be a number from 0.01 to 1000, got 1000"),
        ("queue_q0_concurrency", 100_001, "must be a whole number from 1 to 100000 jobs"),
        ("paused", "perhaps", "paused must be true or false, got 'perhaps'"),
        ("paused", 1, "paused must be true or false, got 1"),
        ("time_zone", "Europe/Berln", "time_zone: there is no time zone 'Europe/Berln'; did you mean Europe/Berlin"),
        ("time_zone", 3, "time_zone must be a region and a city, such as Europe/Berlin, or UTC, got 3"),
        ("jobs_max_porton", 3, "there is no setting 'jobs_max_porton'; did you mean jobs_max_portion"),
        ("queue_q0_portion", 3, "did you mean queue_q0_max_portion"),
        ("queue_main_max_portion", 3, "queue_main_max_portion is called jobs_max_portion: set that"),
        ("queue_a\nb_weight", 3, "is no name of a queue"),
        (f"queue_{'q' * 65}_weight", 3, "is no name of a queue"),
        ("", 3, "there is no setting ''"),
        ("x" * 10_000, 3, "there is no setting 'xxx"),
    ],
)
async def test_what_is_wrong_is_refused_in_one_sentence(connection, name, value, sentence):
    """H03 for the names of settings."""
    with pytest.raises(InvalidInput) as refusal:
        await set_setting(connection, name, value, "ada")
    assert sentence in str(refusal.value)
    assert "\n" not in str(refusal.value)
    assert len(str(refusal.value)) < 500
    assert await connection.fetchval("SELECT count(*) FROM jobrunner.setting") == 0


async def test_a_number_too_long_to_be_written_is_refused(connection):
    with pytest.raises(InvalidInput, match="got a longer number"):
        await set_setting(connection, "daemon_interval", 10**5000, "ada")


async def test_what_an_edit_by_hand_broke_falls_back_to_its_default(connection):
    await connection.execute(
        """
        INSERT INTO jobrunner.setting (name, value) VALUES
            ('jobs_max_portion', '0'),
            ('daemon_interval', '"10"'),
            ('paused', 'null'),
            ('time_zone', '"Mars/Olympus"'),
            ('queue_q1_weight', '{"a": [1]}'),
            ('queue_e0_concurrency', '1e400'),
            ('queue_main_max_portion', '3'),
            ('Jobs Max Portion', '3'),
            ('no_such_thing', '1'),
            ('queue_q0_weight', '4')
        """
    )
    settings = await load_settings(connection)
    assert settings == Settings(queues={"queue_q0_weight": 4.0}, problems=settings.problems)
    assert len(settings.problems) == 9
    assert all("jobrunner.setting" in problem for problem in settings.problems)
    rows = {row.name: row for row in await list_settings(connection)}
    assert rows["jobs_max_portion"].value == 15
    assert rows["jobs_max_portion"].problem in settings.problems
    assert rows["no_such_thing"].problem in settings.problems
    for name in ("no_such_thing", "Jobs Max Portion", "queue_main_max_portion"):
        await reset_setting(connection, name)
    assert len((await load_settings(connection)).problems) in (6, 7)


async def test_the_list_has_every_setting_and_the_queues_that_definitions_use(connection):
    await connection.execute(
        """
        INSERT INTO jobrunner.definition (name, blocking, queue, max_attempts, often, fans_out, parameters)
        VALUES ('Paint', false, 'paint shop', 3, false, false, '{}')
        """
    )
    await set_setting(connection, "queue_late_weight", 3, "ada")
    rows = {row.name: row for row in await list_settings(connection)}
    assert list(rows)[: len(SETTINGS)] == list(SETTINGS)
    assert {f"queue_{queue}_weight" for queue in ("main", "m0", "q0", "q1", "e0", "paint shop", "late")} <= set(rows)
    assert "queue_main_max_portion" not in rows
    late = rows["queue_late_weight"]
    assert (late.value, late.default, late.changed_by, late.range) == (3.0, 1.0, "ada", "from 0.01 to 1000")
    assert late == await get_setting(connection, "queue_late_weight")
    assert rows["daemon_interval"].unit == "s"


async def test_a_change_is_announced(connection, database_url):
    heard: asyncio.Queue[str] = asyncio.Queue()
    listener = await asyncpg.connect(database_url)
    try:
        await listener.add_listener("jobrunner_change", lambda *arguments: heard.put_nowait(arguments[3]))
        before = await connection.fetchval("SELECT number FROM jobrunner.revision WHERE topic = 'settings'")
        await set_setting(connection, "jobs_max_portion", 16, "ada")
        async with asyncio.timeout(10):
            assert await heard.get() == "settings"
        assert await connection.fetchval("SELECT number FROM jobrunner.revision WHERE topic = 'settings'") > before
    finally:
        await listener.close()


async def test_the_name_of_who_sets_is_harmless(connection):
    row = await set_setting(connection, "jobs_max_portion", 16, "a\x00d\x1ba\u202e" + "x" * 300)
    assert row.changed_by == ("ada" + "x" * 300)[:255]


def test_every_name_can_be_found_by_its_label():
    for name, setting in SETTINGS.items():
        assert find_setting(setting.label).name == name
        assert find_setting(name.replace("_", "-")).name == name


def test_the_documentation_has_every_setting():
    """`jobrunner.queue.setting_groups.reference(group)` prints the tables."""
    page = (Path(jobrunner.__file__).parents[1] / "docs" / "settings.md").read_text(encoding="utf-8")
    assert reference() in page
    for group in declared_groups():
        assert f"## {group.name}\n" in page
        assert reference(group) in page

import logging
import os
from pathlib import Path

import pytest
from pydantic import SecretStr

from jobrunner.config import (
    Configuration,
    describe,
    load,
    mask_url,
    settings,
)
from jobrunner.config.sources import unknown_names
from jobrunner.errors import ConfigurationError

CANARY = "canary-7f3a"


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A working folder without a file, and an environment without our names."""
    for name in [name for name in os.environ if name.startswith("JOBRUNNER_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def refusal(**options: object) -> str:
    with pytest.raises(ConfigurationError) as caught:
        load(**options)
    sentence = str(caught.value)
    assert "\n" not in sentence
    assert caught.value.__cause__ is None  # a traceback would show what was given
    assert caught.value.__context__ is None or caught.value.__suppress_context__
    return sentence


# Sources


def test_defaults_are_valid_and_belong_together():
    configuration = load()
    assert configuration.database_url is None
    assert configuration.lease == 30
    assert configuration.heartbeat_interval == 10
    assert configuration.sweep_interval == 5
    assert configuration.queues is None
    assert configuration.imports == []
    assert configuration.daemon_name
    assert configuration.data_dir.is_absolute()
    assert configuration.smtp.port == 587


def test_option_over_environment_over_file_key_by_key(bare: Path, monkeypatch: pytest.MonkeyPatch):
    (bare / "jobrunner.toml").write_text(
        'lease = 12\ngrace = 3\npool_size = 7\n[smtp]\nhost = "mail.example.org"\nport = 25\n'
    )
    monkeypatch.setenv("JOBRUNNER_GRACE", "4")
    monkeypatch.setenv("JOBRUNNER_POOL_SIZE", "8")
    monkeypatch.setenv("JOBRUNNER_SMTP__PORT", "2525")
    configuration = load(pool_size=9)
    assert (configuration.lease, configuration.grace, configuration.pool_size) == (12, 4, 9)
    assert (configuration.smtp.host, configuration.smtp.port) == ("mail.example.org", 2525)
    sources = {row.name: row.source for row in describe(configuration)}
    file = f"file {bare / 'jobrunner.toml'}"
    assert sources["JOBRUNNER_LEASE"] == file
    assert sources["JOBRUNNER_GRACE"] == "environment"
    assert sources["JOBRUNNER_POOL_SIZE"] == "option"
    assert sources["JOBRUNNER_SMTP__HOST"] == file
    assert sources["JOBRUNNER_SMTP__PORT"] == "environment"
    assert sources["JOBRUNNER_SWEEP_INTERVAL"] == "default"


def test_heartbeat_follows_the_lease_unless_given():
    assert load(lease=3.0).heartbeat_interval == 1
    assert load(lease=3.0, heartbeat_interval=0.5).heartbeat_interval == 0.5
    assert "at most half of JOBRUNNER_LEASE (3 s), got 2" in refusal(lease=3.0, heartbeat_interval=2.0)


def test_lists_are_separated_by_commas_in_the_environment_and_lists_in_the_file(
    bare: Path, monkeypatch: pytest.MonkeyPatch
):
    (bare / "jobrunner.toml").write_text('import = ["crm.jobs"]\nqueues = ["main", "q0"]\n')
    assert load().imports == ["crm.jobs"]
    assert load().queues == ["main", "q0"]
    monkeypatch.setenv("JOBRUNNER_IMPORT", "crm.jobs, billing.jobs,")
    monkeypatch.setenv("JOBRUNNER_QUEUES", "e0")
    assert load().imports == ["crm.jobs", "billing.jobs"]
    assert load().queues == ["e0"]
    assert load(imports=["other"]).imports == ["other"]


def test_an_empty_variable_counts_as_not_set(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("JOBRUNNER_LEASE", "")
    assert load().lease == 30


def test_the_file_is_named_by_option_or_environment_or_lies_in_the_folder(bare: Path, monkeypatch: pytest.MonkeyPatch):
    for name, lease in [("jobrunner.toml", 1), ("two.toml", 2), ("three.toml", 3)]:
        (bare / name).write_text(f"lease = {lease}")
    assert load().lease == 1
    assert load().config_file == bare / "jobrunner.toml"
    monkeypatch.setenv("JOBRUNNER_CONFIG", str(bare / "two.toml"))
    assert load().lease == 2
    assert load(config_file=bare / "three.toml").lease == 3
    assert "absent.toml cannot be read: No such file" in refusal(config_file=bare / "absent.toml")


def test_the_direct_url_is_the_only_url_unless_given():
    one = load(database_url="postgresql://a/db")
    assert one.direct_url == SecretStr("postgresql://a/db")
    two = load(database_url="postgresql://a/db", database_url_direct="postgresql://b/db")
    assert two.direct_url == SecretStr("postgresql://b/db")
    assert load().direct_url is None


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://u:p@h/d",
        "postgresql://",
        "postgresql://h:1,h2:2/d",
        "postgresql://u:p@[::1]:5432/d",
        "postgres://u:p%2F@h:5/d?application_name=a@b",
        "postgresql://jobrunner@/jobrunner?host=/run/x&port=5432",
    ],
)
def test_urls_of_every_kind_are_taken(url: str):
    assert load(database_url=url, database_url_direct=url).database_url == SecretStr(url)


@pytest.mark.parametrize("password", ["a/b", "1/b", "a?b", "a#b", "a@b/c"])
def test_a_password_that_breaks_its_url_is_refused(password: str):
    assert "percent-encoded" in refusal(database_url=f"postgresql://u:{password}@h/d")


# Refusals


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        ("LEASE", "0.1", "JOBRUNNER_LEASE must be a number from 0.5 to 3600, got '0.1'"),
        ("LEASE", "soon", "JOBRUNNER_LEASE must be a number from 0.5 to 3600, got 'soon'"),
        ("LEASE", "nan", "JOBRUNNER_LEASE must be a number from 0.5 to 3600, got 'nan'"),
        ("GRACE", "inf", "JOBRUNNER_GRACE must be a number from 0 to 3600, got 'inf'"),
        ("POOL_SIZE", "1.5", "JOBRUNNER_POOL_SIZE must be a whole number from 1 to 200, got '1.5'"),
        ("POOL_SIZE", "201", "JOBRUNNER_POOL_SIZE must be a whole number from 1 to 200, got '201'"),
        ("MIGRATE_ON_START", "maybe", "JOBRUNNER_MIGRATE_ON_START must be true or false, got 'maybe'"),
        ("LOG_LEVEL", "loud", "JOBRUNNER_LOG_LEVEL must be debug, info, warning or error, got 'loud'"),
        ("SMTP__SECURITY", "off", "JOBRUNNER_SMTP__SECURITY must be tls, ssl or none, got 'off'"),
        ("SMTP__PORT", "0", "JOBRUNNER_SMTP__PORT must be a whole number from 1 to 65535, got '0'"),
        ("SMTP__PASSWORD", "x", "JOBRUNNER_SMTP__PASSWORD needs JOBRUNNER_SMTP__USERNAME beside it"),
        ("DAEMON_NAME", "a\nb", "JOBRUNNER_DAEMON_NAME must be one line without control characters, got 'a\\nb'"),
        ("IMPORT", "a b", "JOBRUNNER_IMPORT must name Python modules, separated by commas, got 'a b'"),
        ("QUEUES", ",", "JOBRUNNER_QUEUES must name at least one queue; leave it out for all, got ','"),
        ("SITE_URL", "crm", "JOBRUNNER_SITE_URL must be an address that begins with http:// or https://, got 'crm'"),
        ("SITE_URL", "http://[", "JOBRUNNER_SITE_URL must be an address"),
        ("DATABASE_URL", "mysql://h/d", "JOBRUNNER_DATABASE_URL must begin with postgresql://"),
        ("DATABASE_URL", "postgresql://u:a b@h/d", "JOBRUNNER_DATABASE_URL must not contain blanks"),
    ],
)
def test_a_wrong_value_is_refused_in_one_sentence(
    name: str, value: str, sentence: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setenv(f"JOBRUNNER_{name}", value)
    assert refusal().startswith(sentence)


def test_a_wrong_value_in_the_file_names_key_and_file(bare: Path):
    file = bare / "jobrunner.toml"
    file.write_text("[smtp]\nport = 'x'\n")
    assert refusal() == (f"JOBRUNNER_SMTP__PORT (smtp.port in {file}) must be a whole number from 1 to 65535, got 'x'")


def test_no_password_without_encryption(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("JOBRUNNER_SMTP__USERNAME", "crm")
    monkeypatch.setenv("JOBRUNNER_SMTP__PASSWORD", CANARY)
    monkeypatch.setenv("JOBRUNNER_SMTP__SECURITY", "none")
    assert refusal() == (
        "JOBRUNNER_SMTP__USERNAME needs JOBRUNNER_SMTP__SECURITY tls or ssl: no password goes in clear"
    )


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("leese = 3", "'leese' in FILE is not a setting of jobrunner; did you mean lease?"),
        ("imports = ['a']", "'imports' in FILE is not a setting of jobrunner; did you mean import?"),
        ("[smpt]\nhost = 'x'", "'smpt.host' in FILE is not a setting of jobrunner; did you mean smtp.host?"),
        ("smpt.host = 'x'", "'smpt.host' in FILE is not a setting of jobrunner; did you mean smtp.host?"),
        ("[smpt]", "'smpt' in FILE is not a setting of jobrunner; did you mean smtp?"),
        ("[smtp]\nprt = 3", "'smtp.prt' in FILE is not a setting of jobrunner; did you mean smtp.port?"),
        ("smtp = 3", "'smtp' in FILE must be a table: write its settings below a line [smtp]"),
        ("smtp = 'a'", "'smtp' in FILE must be a table: write its settings below a line [smtp]"),
        ("[[smtp]]\nport = 3", "'smtp' in FILE must be a table: write its settings below a line [smtp]"),
        ("config_file = 'x'", "'config_file' in FILE is not a setting of jobrunner"),
        ("origins = {}", "'origins' in FILE is not a setting of jobrunner"),
        ("xyzzy = 3", "'xyzzy' in FILE is not a setting of jobrunner; `jobrunner config show` lists them"),
        ("lease = true", "JOBRUNNER_LEASE (lease in FILE) must be a number from 0.5 to 3600, got 'true'"),
        (
            "pool_size = true",
            "JOBRUNNER_POOL_SIZE (pool_size in FILE) must be a whole number from 1 to 200, got 'true'",
        ),
        ("lease = ", "the configuration file FILE is not TOML: "),
        (b"\xff", "the configuration file FILE is not UTF-8 text"),
    ],
)
def test_a_wrong_file_is_refused_in_one_sentence(content: str | bytes, sentence: str, bare: Path):
    file = bare / "jobrunner.toml"
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    assert refusal().startswith(sentence.replace("FILE", str(file)))


def test_an_unknown_option_is_refused():
    assert refusal(lese=3) == "'lese' is not a setting of jobrunner; did you mean lease?"


def test_a_misspelt_name_in_the_environment_is_pointed_out(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    monkeypatch.setenv("JOBRUNNER_LEESE", "3")
    with caplog.at_level(logging.WARNING):
        assert load().lease == 30
    assert caplog.messages == ["JOBRUNNER_LEESE is not a setting of jobrunner; did you mean JOBRUNNER_LEASE?"]


def test_names_of_ours_and_of_container_platforms_are_not_pointed_out():
    names = ["DEBUG", "CONFIG", "IMPORT", "SMTP__HOST", "SERVICE_HOST", "SERVICE_PORT", "SERVICE_PORT_HTTP"]
    names += ["PORT", "PORT_80_TCP", "PORT_80_TCP_PROTO", "WEB_SERVICE_HOST", "WEB_PORT_80_TCP_ADDR"]
    assert unknown_names(settings(), {f"JOBRUNNER_{name}": "x" for name in names} | {"LEASE": "3"}) == []
    assert unknown_names(settings(), {"JOBRUNNER_SMTP__PRT": "1", "JOBRUNNER_XYZZY": "1"}) == [
        "JOBRUNNER_SMTP__PRT is not a setting of jobrunner; did you mean JOBRUNNER_SMTP__PORT?",
        "JOBRUNNER_XYZZY is not a setting of jobrunner; `jobrunner config show` lists them",
    ]


# Secrets


def test_no_secret_is_shown_anywhere(monkeypatch: pytest.MonkeyPatch):
    """H21"""
    monkeypatch.setenv("JOBRUNNER_DATABASE_URL", f"postgresql://crm:{CANARY}@db/crm")
    monkeypatch.setenv("JOBRUNNER_DATABASE_URL_DIRECT", f"postgresql://db/crm?password={CANARY}")
    monkeypatch.setenv("JOBRUNNER_SMTP__USERNAME", "crm")
    monkeypatch.setenv("JOBRUNNER_SMTP__PASSWORD", CANARY)
    configuration = load()
    rows = describe(configuration)
    shown = {row.name: row.value for row in rows}
    assert shown["JOBRUNNER_DATABASE_URL"] == "postgresql://crm:***@db/crm"
    assert shown["JOBRUNNER_DATABASE_URL_DIRECT"] == "postgresql://db/crm?password=***"
    assert shown["JOBRUNNER_SMTP__PASSWORD"] == "***"
    for text in (repr(configuration), str(configuration), repr(rows), configuration.model_dump_json()):
        assert CANARY not in text


@pytest.mark.parametrize("name", ["DATABASE_URL", "DATABASE_URL_DIRECT", "SMTP__PORT", "SITE_URL", "LEASE"])
@pytest.mark.parametrize("value", [f"mysql://u:{CANARY}@h", f"postgresql://u:x {CANARY}@h/d"])
def test_no_secret_is_in_a_refusal(name: str, value: str, monkeypatch: pytest.MonkeyPatch):
    """H21"""
    monkeypatch.setenv(f"JOBRUNNER_{name}", value)
    assert CANARY not in refusal()


def test_a_password_that_looks_like_an_address_is_masked_whole():
    """H21"""
    rows = describe(load(smtp={"username": "crm", "password": f"x://{CANARY}"}))
    assert CANARY not in repr(rows)


def test_where_a_value_is_wrong_is_found_in_a_group_with_several_sources(bare: Path, monkeypatch: pytest.MonkeyPatch):
    (bare / "jobrunner.toml").write_text("[smtp]\nport = 0\n")
    monkeypatch.setenv("JOBRUNNER_SMTP__HOST", "h")
    assert refusal().startswith(f"JOBRUNNER_SMTP__PORT (smtp.port in {bare / 'jobrunner.toml'}) must be")
    monkeypatch.setenv("JOBRUNNER_SMTP__PORT", "70000")
    assert refusal().startswith("JOBRUNNER_SMTP__PORT must be")


@pytest.mark.parametrize(
    ("url", "masked"),
    [
        ("postgresql://u:p@h/d", "postgresql://u:***@h/d"),
        ("postgresql://u:p@ss/w?o#rd@h:5432/d", "postgresql://u:***@h:5432/d"),
        ("postgresql://u@tenant:p@h/d", "postgresql://u@tenant:***@h/d"),
        ("postgresql://:p@h/d", "postgresql://:***@h/d"),
        ("postgresql://u:p@[::1]:5432/d", "postgresql://u:***@[::1]:5432/d"),
        ("postgresql://u@h:5432/d", "postgresql://u@h:5432/d"),
        ("postgresql://h:5432/d", "postgresql://h:5432/d"),
        ("postgresql://[::1]:5432/d", "postgresql://[::1]:5432/d"),
        ("postgresql:///d?host=/run/pg", "postgresql:///d?host=/run/pg"),
        ("postgresql://h/d?user=u&password=p&sslmode=require", "postgresql://h/d?user=u&password=***&sslmode=require"),
        ("postgresql://h/d?pass%77ord=p", "postgresql://h/d?pass%77ord=***"),
        ("cannot reach postgresql://u:p@h/d: refused", "cannot reach postgresql://u:***@h/d: refused"),
        ("no url, 12:30 a@b", "no url, 12:30 a@b"),
    ],
)
def test_the_password_in_a_url_is_masked(url: str, masked: str):
    """H21"""
    assert mask_url(url) == masked


# Documentation


def test_every_setting_is_documented():
    """The table in docs/configuration.md is what `jobrunner config reference` prints."""
    lines = (Path(__file__).parents[1] / "docs" / "configuration.md").read_text().splitlines()
    documented = {line.split("`")[1]: line for line in lines if line.startswith("| `JOBRUNNER_")}
    assert list(documented) == [setting.name for setting in settings()]
    for setting in settings():
        line = documented[setting.name]
        assert f"| {setting.description} |" in line
        assert f"| {setting.allowed} |" in line
        assert setting.default is None or f"| `{setting.default}` |" in line


def test_every_setting_has_a_description_and_every_number_a_range():
    for setting in settings():
        assert setting.description.rstrip().endswith("."), setting.name
        if "number" in setting.allowed:
            assert "None" not in setting.allowed, setting.name


def test_the_example_file_of_the_documentation_loads(bare: Path):
    text = (Path(__file__).parents[1] / "docs" / "configuration.md").read_text()
    example = text.split("```toml\n")[1].split("```")[0]
    (bare / "jobrunner.toml").write_text(example)
    configuration = load()
    assert configuration.imports == ["crm.jobs"]
    assert configuration.smtp.host == "mail.example.org"


def test_direct_construction_reads_the_environment_too(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("JOBRUNNER_GRACE", "7")
    configuration = Configuration(lease=2)
    assert (configuration.grace, configuration.lease) == (7, 2)

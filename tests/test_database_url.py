"""Every parameter that people write into a database URL works, or is refused in one sentence."""

import os
from pathlib import Path

import pytest

from jobrunner.database_url import FILES, HINTS, LIBPQ, NEEDLESS, UNKNOWN_TO_THE_DRIVER, WORDS, read

CANARY = "canary-7f3a"


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """No PG… variables of the developer's own, and a home without files of PostgreSQL."""
    for name in [name for name in os.environ if name.startswith("PG")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def refusal(url: str) -> str:
    with pytest.raises(ValueError) as caught:
        read(url)
    sentence = str(caught.value)
    assert "\n" not in sentence
    assert sentence.startswith(("must ", "has ", "asks ", "names ")), "read after `JOBRUNNER_DATABASE_URL`"
    return sentence


@pytest.mark.parametrize(
    ("url", "hosts"),
    [
        ("postgresql://", ()),
        ("postgresql:///d", ()),
        ("postgresql:///d?port=5", (("", 5),)),
        ("postgresql://h/d", (("h", None),)),
        ("postgres://u:p@h:5/d", (("h", 5),)),
        ("postgresql://h/d?port=5", (("h", 5),)),
        ("postgresql://h:4/d?port=5", (("h", 5),)),
        ("postgresql://h/d?host=other", (("other", None),)),
        ("postgresql://[::1]:5432/d", (("::1", 5432),)),
        ("postgresql:///d?host=::1", (("::1", None),)),
        ("postgresql://%2Frun%2Fx/d", (("/run/x", None),)),
        ("postgresql://u@/d?host=/run/x&port=5433", (("/run/x", 5433),)),
        ("postgresql://a:1,b:2,c/d", (("a", 1), ("b", 2), ("c", None))),
        ("postgresql://a,b/d?port=5", (("a", 5), ("b", 5))),
        ("postgresql:///d?host=/a,/b&port=1,2", (("/a", 1), ("/b", 2))),
    ],
)
def test_hosts_and_ports_are_found_wherever_they_stand(url: str, hosts: tuple[tuple[str, int | None], ...]):
    assert read(url).hosts == hosts


def test_of_several_hosts_one_that_takes_writes_is_meant_unless_the_url_says_otherwise():
    """F15."""
    assert "target_session_attrs" not in read("postgresql://a/d").driver_url
    assert "target_session_attrs=read-write" in read("postgresql://a,b/d").driver_url
    assert "target_session_attrs=any" in read("postgresql://a,b/d?target_session_attrs=any").driver_url


def test_what_the_driver_knows_is_left_to_it():
    query = "sslmode=require&options=-c%20geqo%3Doff&statement_timeout=5s&application_name=a@b&krbsrvname=x"
    assert read(f"postgresql://u:p%2F@h/d?{query}").driver_url == f"postgresql://u:p%2F@/d?{query}"


def test_what_is_so_anyway_is_left_out():
    query = "&".join(f"{name}={value}" for name, values in NEEDLESS.items() for value in values)
    assert read(f"postgresql://h/d?{query}").driver_url == "postgresql:///d"


def test_the_last_of_two_values_counts():
    url = read("postgresql://h/d?sslmode=disable&sslmode=require&connect_timeout=2&connect_timeout=3")
    assert url.driver_url == "postgresql:///d?sslmode=require"
    assert url.connect_timeout == 3


@pytest.mark.parametrize(("text", "seconds"), [("3", 3.0), ("0", None), ("-1", None)])
def test_connect_timeout_is_ours_to_keep(text: str, seconds: float | None):
    url = read(f"postgresql://h/d?connect_timeout={text}")
    assert url.connect_timeout == seconds
    assert url.driver_url == "postgresql:///d"


def test_connections_are_called_by_the_application_of_the_url():
    assert read("postgresql://h/d").application == "jobrunner"
    assert read("postgresql://h/d?application_name=crm&fallback_application_name=x").application == "crm"
    url = read("postgresql://h/d?fallback_application_name=crm")
    assert url.application == "crm"
    assert url.driver_url == "postgresql:///d"


def test_ssl_of_other_programs_is_taken():
    assert read("postgresql://h/d?ssl=true").driver_url == "postgresql:///d?sslmode=require"
    assert "sslmode=verify-full" in read("postgresql://h/d?ssl=true&sslmode=verify-full").driver_url
    assert refusal("postgresql://h/d?ssl=maybe") == "has a wrong ssl: it must be true"


def test_the_certificates_of_the_system(monkeypatch: pytest.MonkeyPatch, bare: Path):
    (bare / "all.pem").touch()
    monkeypatch.setenv("SSL_CERT_FILE", str(bare / "all.pem"))
    url = read("postgresql://h/d?sslrootcert=system").driver_url
    assert url == f"postgresql:///d?sslrootcert={bare}/all.pem&sslmode=verify-full"
    assert "needs sslmode=verify-full" in refusal("postgresql://h/d?sslrootcert=system&sslmode=require")


@pytest.mark.parametrize("name", sorted(WORDS))
def test_a_wrong_word_is_answered_with_the_right_ones(name: str):
    sentence = refusal(f"postgresql://h/d?{name}=foo")
    assert sentence.startswith(f"has a wrong {name}: it must be ")
    assert all(word in sentence for word in WORDS[name])
    assert "foo" not in sentence


@pytest.mark.parametrize("name", sorted({*NEEDLESS, *HINTS, *UNKNOWN_TO_THE_DRIVER}))
def test_what_the_driver_does_not_know_is_refused_by_name(name: str):
    sentence = refusal(f"postgresql://h/d?{name}=require")
    assert sentence.startswith(f"asks for {name} in a way that the database driver does not know; ")
    assert HINTS.get(name, "leave it out") in sentence


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_is_not_there_is_named(name: str, bare: Path):
    assert refusal(f"postgresql://h/d?{name}={bare}/none") == (
        f"has {name}={bare}/none, which cannot be read (No such file or directory)"
    )
    (bare / "there").touch()
    assert read(f"postgresql://h/d?{name}={bare}/there").driver_url.endswith(f"?{name}={bare}/there")


def test_a_service_must_be_defined(bare: Path, monkeypatch: pytest.MonkeyPatch):
    file = bare / ".pg_service.conf"
    assert refusal("postgresql:///?service=crm") == f"names the service crm, which {file} does not define"
    file.write_text("[crm]\nhost=h\n")
    assert read("postgresql:///?service=crm").driver_url == "postgresql:///?service=crm"
    file.write_text("host=h\n")
    assert refusal("postgresql:///?service=crm").startswith(f"names a service, but {file} cannot be read: ")
    monkeypatch.setenv("PGSERVICEFILE", str(bare / "other"))
    assert str(bare / "other") in refusal("postgresql:///?service=crm")


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("mysql://h/d", "must begin with postgresql://"),
        ("postgresql://h/a b", "must not contain blanks"),
        ("postgresql://h/d?connect_timeout=soon", "has a wrong connect_timeout: it must be a whole number of seconds"),
        ("postgresql://h:0/d", "has a wrong port: it must be a number from 1 to 65535"),
        ("postgresql://h/d?port=x", "has a wrong port"),
        ("postgresql://a,b,c/d?port=1,2", "has 2 ports for 3 hosts: give one for all, or one for each"),
        ("postgresql:///d?host=a,,b", "has an empty name in its list of hosts"),
        ("postgresql://h/d?sslmode", "has a parameter sslmode without a value"),
        ("postgresql://h/d?sslmode=", "has a parameter sslmode without a value"),
    ],
)
def test_other_mistakes(url: str, sentence: str):
    assert refusal(url).startswith(sentence)


@pytest.mark.parametrize(
    "url",
    [f"postgresql://u:{rest}" for rest in (f"1?{CANARY}@h/d", f"a@{CANARY}@h/d", f"a/{CANARY}@h/d", f"1#{CANARY}@h/d")],
)
def test_a_piece_of_a_password_is_not_repeated(url: str):
    """H21: a letter that is not percent-encoded makes something else of the rest of a password."""
    assert CANARY not in refusal(url)
    assert "percent-encoded" in refusal(url)


def test_no_name_of_libpq_is_missing():
    """Against the list of the libpq that is installed here, where there is one."""
    psycopg = pytest.importorskip("psycopg")
    names = {option.keyword.decode() for option in psycopg.pq.Conninfo.get_defaults()}
    assert not {name for name in names if not name.startswith(("authtype", "tty"))} - LIBPQ

"""The account as it is configured."""

import socket

import pytest
from pydantic import SecretStr

from jobrunner.config import Smtp
from jobrunner.errors import ConfigurationError
from jobrunner.services.mail.smtp import Account


def test_without_a_host_there_is_no_account():
    assert Account.from_configuration(Smtp()) is None


def test_every_setting_is_used():
    account = Account.from_configuration(
        Smtp(
            host="mail.example.com",
            port=465,
            security="ssl",
            username="system",
            password=SecretStr("secret"),
            local_hostname="app.example.com",
            timeout_connect=1,
            timeout_command=2,
            timeout_data=3,
        )
    )

    assert account == Account(
        "mail.example.com", 465, "ssl", "system", SecretStr("secret"), "app.example.com", 1.0, 2.0, 3.0
    )


def test_the_password_is_nowhere_in_its_text():
    """H21."""
    account = Account("mail.example.com", username="system", password=SecretStr("canary-7f3a"))

    assert "canary-7f3a" not in repr(account) + str(account)


@pytest.mark.parametrize(
    "name", ["mail", "mail example.com", "mail.example.com\r\nRCPT", "", "mäil.example.com", "a..b"]
)
def test_a_wrong_ehlo_name_is_named(name: str):
    with pytest.raises(ConfigurationError, match="JOBRUNNER_SMTP__LOCAL_HOSTNAME must be a full domain name"):
        Account("mail.example.com", local_hostname=name)


def test_it_says_where_it_is_changed():
    configured, row = Account("mail.example.com"), Account("mail.example.com", row="the news")
    assert configured.setting("local-hostname") == "JOBRUNNER_SMTP__LOCAL_HOSTNAME"
    assert configured.remedy("security", "ssl") == "set JOBRUNNER_SMTP__SECURITY to ssl"
    assert configured.remedy("username", None) == "unset JOBRUNNER_SMTP__USERNAME"
    assert row.setting("local-hostname") == "--local-hostname"
    assert row.remedy("security", "ssl") == "`jobrunner smtp-account edit 'the news' --security ssl`"
    assert row.remedy("username", None) == "`jobrunner smtp-account edit 'the news' --clear username`"
    assert configured == row, "one account, with one pool"


@pytest.mark.parametrize(
    ("host_name", "own_address", "expected"),
    [
        ("app.example.com", "127.0.0.1", "app.example.com"),
        ("app", "192.0.2.7", "[192.0.2.7]"),
        ("app", "2001:db8::7", "[IPv6:2001:db8::7]"),
        ("app", "fe80::1%eth0", "[IPv6:fe80::1]"),
        ("app_1.example.com", "127.0.0.1", "[127.0.0.1]"),
    ],
)
def test_the_ehlo_name_is_a_full_name_or_an_address(
    host_name: str, own_address: str, expected: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(socket, "gethostname", lambda: host_name)

    assert Account("mail.example.com").ehlo_name(own_address) == expected


def test_a_send_is_bounded():
    assert Account("mail.example.com").send_limit == 4 * 30 + 16 * 60 + 600

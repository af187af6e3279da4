"""The settings of mass mail."""

from dataclasses import fields

import pytest

from jobrunner.errors import InvalidInput
from jobrunner.queue.setting_groups import find_setting
from jobrunner.queue.settings import set_setting
from jobrunner.services.massmail.settings import MASS_MAIL, MassMailSettings, load_mass_mail_settings


def test_the_class_has_each_setting_with_its_default():
    assert {field.name: field.default for field in fields(MassMailSettings)} == {
        setting.name: setting.default for setting in MASS_MAIL.settings
    }
    for setting in MASS_MAIL.settings:
        assert find_setting(setting.label) is setting
        assert setting.check(setting.default) == setting.default


async def test_what_is_set_is_loaded(connection):
    assert await load_mass_mail_settings(connection) == MassMailSettings()
    await set_setting(connection, "mass_email_max_per_hour_count", "5000", "ada")
    await set_setting(connection, "mass_email_site_url", "https://crm.example.com/", "ada")
    settings = await load_mass_mail_settings(connection)
    assert settings.mass_email_max_per_hour_count == 5000
    assert settings.site_url("https://other.example.com") == "https://crm.example.com"


@pytest.mark.parametrize(
    "url", ["https://crm.example.com", "https://crm.example.com:8443/mail", "http://127.0.0.1:8025", "http://localhost"]
)
def test_links_may_begin_with(url):
    assert MassMailSettings().site_url(url) == url
    assert find_setting("mass_email_site_url").check(url) == url


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("http://crm.example.com", "must be https"),
        ("http://127.0.0.1.example.com", "must be https"),
        ("ftp://crm.example.com", "is no URL"),
        ("crm.example.com", "is no URL"),
        ("https://", "is no URL"),
        ("https://[crm", "is no URL"),
        ("https://crm.example.com:99999", "is no URL"),
        ("https://ann@crm.example.com", "at most a path"),
        ("https://crm.example.com/?a=b", "at most a path"),
        ("https://crm.example.com/#a", "at most a path"),
    ],
)
def test_links_may_not_begin_with(url, words):
    for check in (MassMailSettings().site_url, find_setting("mass_email_site_url").check):
        with pytest.raises(InvalidInput, match=words):
            check(url)


def test_without_a_url_no_mailing_starts():
    with pytest.raises(InvalidInput, match="set JOBRUNNER_SITE_URL"):
        MassMailSettings().site_url(None)


def test_the_address_that_bounces_come_to():
    settings = MassMailSettings()
    assert settings.bounce_address("abc", "example.com") == "bounces+abc@example.com"
    check = find_setting("mass_email_bounce_address").check
    assert check("b-{token}@bounces.{from domain}") == "b-{token}@bounces.{from domain}"
    for wrong in ("bounces@{from domain}", "b@{token}.example.com", "{token}{token}@x.org", "b {token}@x.org"):
        with pytest.raises(InvalidInput, match="mass_email_bounce_address"):
            check(wrong)
    with pytest.raises(InvalidInput, match="octets"):
        check("much-too-long-{token}@example.com")

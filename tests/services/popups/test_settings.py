"""What is an origin, as the setting of foreign pages takes it."""

import pytest

from jobrunner.errors import InvalidInput
from jobrunner.services.popups.settings import check_origin


@pytest.mark.parametrize(
    ("text", "origin"),
    [
        ("https://crm.example.com", "https://crm.example.com"),
        (" HTTPS://CRM.example.com:443/ ", "https://crm.example.com"),
        ("http://localhost:8080", "http://localhost:8080"),
        ("http://crm_test:80", "http://crm_test"),
        ("https://[2001:DB8::1]:8443", "https://[2001:db8::1]:8443"),
    ],
)
def test_an_origin_is_kept_as_browsers_write_it(text: str, origin: str) -> None:
    assert check_origin(text) == origin


@pytest.mark.parametrize(
    "text",
    [
        "",
        "https://",
        "crm.example.com",
        "ftp://crm.example.com",
        "https:crm.example.com",
        "https://crm.example.com/app",
        "https://crm.example.com?x=1",
        "https://crm.example.com?",
        "https://crm.example.com#x",
        "https://crm.example.com#",
        "https://ann@crm.example.com",
        "https://@crm.example.com",
        "https://a b.com",
        "https://a\tb.com",
        "https://crm.example\n.com",
        "https://crm.example.com:x",
        "https://crm.example.com:0",
        "https://crm.example.com:70000",
        "https://*.example.com",
        "https://münchen.example",
    ],
)
def test_what_is_none_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match=r"https://crm\.example\.com"):
        check_origin(text)


@pytest.mark.parametrize("text", ["https://:pw-4711@crm.example.com", "https://ann:pw-4711@crm.example.com/#x"])
def test_a_password_is_refused_and_not_shown(text: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        check_origin(text)
    assert "pw-4711" not in str(refused.value)

"""URLs as they are entered."""

import pytest

from jobrunner.errors import InvalidInput
from jobrunner.services.address_guard import Guard
from jobrunner.services.webhooks.http.url import LONGEST_URL, check_url

GUARD = Guard(["intranet:8080"], is_own=lambda ip: False)


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("https://hooks.example.com/a/b?token=x%20y&z", "https://hooks.example.com/a/b?token=x%20y&z"),
        ("HTTPS://Hooks.EXAMPLE.com", "https://hooks.example.com"),
        ("https://hooks.example.com:443/", "https://hooks.example.com/"),
        ("https://hooks.example.com:8443/", "https://hooks.example.com:8443/"),
        ("http://hooks.example.com/#part", "http://hooks.example.com/"),
        ("https://hooks.example.com./x", "https://hooks.example.com/x"),
        ("https://bücher.example/", "https://xn--bcher-kva.example/"),
        ("https://hooks.example.com/@me?to=a@b.example", "https://hooks.example.com/@me?to=a@b.example"),
        ("http://8.8.8.8/x", "http://8.8.8.8/x"),
        ("http://[2606:4700:4700::1111]:8080/x", "http://[2606:4700:4700::1111]:8080/x"),
        ("http://intranet:8080/x", "http://intranet:8080/x"),
        ("https://hooks.example.com/a%2Fb", "https://hooks.example.com/a%2Fb"),
    ],
)
def test_a_url_as_it_is_kept(given: str, kept: str):
    assert check_url(given, GUARD, https_only=False) == kept
    assert check_url(kept, GUARD, https_only=False) == kept


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("", "must begin with https://"),
        ("hooks.example.com/x", "must begin with https://"),
        ("ftp://hooks.example.com/", "got 'ftp'"),
        ("file:///etc/passwd", "got 'file'"),
        ("javascript:alert(1)", "got 'javascript'"),
        ("https://", "no host"),
        ("https:///path", "no host"),
        ("https:hooks.example.com", "no host"),
        ("https://user@hooks.example.com/", "no user"),
        ("https://user:canary@hooks.example.com/", "no user"),
        ("https://:canary@hooks.example.com/", "no user"),
        ("https://@hooks.example.com/", "no user"),
        ("https://good.example@127.0.0.1/", "no user"),
        ("https://hooks.example.com:99999/", "cannot be read"),
        ("https://hooks.example.com:x/", "cannot be read"),
        ("https://[::1/", "cannot be read"),
        ("https://hooks.example.com\\@127.0.0.1/", "backslashes"),
        ("https://hooks.example.com/a b", "blanks"),
        ("https://hooks.example.com/\r\nX: 1", "blanks"),
        ("https://hooks.exa\tmple.com/", "blanks"),
        ("https://hooks.example.com/" + "x" * LONGEST_URL, "at most"),
        ("https://hooks.example.com:22/", "port 22"),
        ("https://hooks.example.com:0/", "port 0"),
        ("http://localhost/", "internal name"),
        ("http://intranet/", "without a dot"),
        ("http://intranet:8081/", "without a dot"),
        ("http://192.168.0.1/", "private"),
        ("http://[fe80::1%25lo]/", "zone"),
        ("http://hooks.example.com../", "no host's name"),
    ],
)
def test_a_url_is_refused_in_one_sentence(url: str, words: str):
    """H13."""
    with pytest.raises(InvalidInput, match=words) as caught:
        check_url(url, GUARD, https_only=False)
    assert "\n" not in str(caught.value)
    assert "canary" not in str(caught.value)


def test_how_to_allow_what_is_refused_is_told():
    with pytest.raises(InvalidInput, match=r"allow 10\.0\.0\.5:8080 in webhook_allowed_hosts"):
        check_url("http://10.0.0.5:8080/secret", GUARD, https_only=False)
    with pytest.raises(InvalidInput, match=r"allow \[fd00::1\]:443 in webhook_allowed_hosts"):
        check_url("https://[fd00::1]/", GUARD, https_only=False)
    guard = Guard(["10.0.0.5:8080", "[fd00::1]:443"])
    check_url("http://10.0.0.5:8080/secret", guard, https_only=False)
    check_url("https://[fd00::1]/", guard, https_only=False)


def test_https_may_be_demanded():
    with pytest.raises(InvalidInput, match="webhook_https_only"):
        check_url("http://hooks.example.com/", GUARD, https_only=True)
    check_url("https://hooks.example.com/", GUARD, https_only=True)

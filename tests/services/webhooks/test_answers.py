"""What each answer means."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from jobrunner.services.webhooks.answers import Verdict, judge, retry_after
from jobrunner.services.webhooks.http.reply import Reply

NOW = datetime(2026, 11, 25, 12, 0, 0, tzinfo=UTC)


def reply(status: int | None = None, **values: str) -> Reply:
    defaults = {"error_kind": None, "error": None, "retry_after": None, "location": None, "answer_head": ""}
    return Reply(status=status, connected_ip="192.0.2.1", duration_ms=1, answered_at=NOW, **(defaults | values))


@pytest.mark.parametrize("status", [200, 201, 202, 204, 226, 299])
def test_2xx_is_a_success(status: int):
    assert judge(reply(status)) == Verdict("success", "")


@pytest.mark.parametrize("status", [401, 403, 404, 405, 408, 500, 501, 502, 503, 504, 507, 599, 600, 999, 101, 100])
def test_the_endpoint_is_at_fault(status: int):
    assert judge(reply(status)) == Verdict("endpoint_fault", f"answered with {status}")


@pytest.mark.parametrize("status", [400, 402, 406, 409, 411, 415, 418, 422, 425, 431, 451, 499])
def test_the_content_is_at_fault(status: int):
    assert judge(reply(status)) == Verdict("content_fault", f"answered with {status}")


def test_413_asks_for_less():
    assert judge(reply(413)) == Verdict("content_fault", "answered with 413", too_large=True)


def test_410_means_gone_for_good():
    assert judge(reply(410, retry_after="60")).meaning == "gone"


@pytest.mark.parametrize("status", [300, 301, 302, 303, 304, 307, 308, 399])
def test_a_redirect_names_the_host_that_it_leads_to(status: int):
    verdict = judge(reply(status, location="https://new.example.com/hook"))
    assert verdict == Verdict(
        "endpoint_fault",
        "answered with a redirect to https://new.example.com; `jobrunner webhook test` shows the URL to set",
    )
    assert str(status) in judge(reply(status)).reason


@pytest.mark.parametrize(
    ("location", "shown"),
    [
        ("https://hooks.example.com/services/T0/s3cret?token=s3cret", "https://hooks.example.com"),
        ("https://ann:s3cret@hooks.example.com:8443/", "https://hooks.example.com:8443"),
        ("//hooks.example.com/s3cret", "//hooks.example.com"),
        ("/services/s3cret", "another path"),
        ("https://[::1/s3cret", "what is no URL"),
    ],
)
def test_what_may_be_secret_in_a_location_is_not_repeated(location: str, shown: str):
    """It is often the webhook's own URL with another scheme, and reasons stand in logs and mails."""
    reason = judge(reply(308, location=location)).reason
    assert "s3cret" not in reason
    assert f"a redirect to {shown};" in reason


def test_a_location_is_shown_in_one_short_line():
    """H14."""
    reason = judge(reply(302, location="https://x/\x1b[31m\x85" + "y" * 5000)).reason
    assert reason.isprintable()
    assert len(reason) < 300


def test_429_waits_a_minute_at_least():
    assert judge(reply(429)).minimum_delay == 60
    assert judge(reply(429, retry_after="5")).minimum_delay == 60
    assert judge(reply(429, retry_after="3600")).minimum_delay == 3600


@pytest.mark.parametrize("kind", ["dns", "refused", "unreachable", "tls", "reset", "protocol"])
def test_without_an_answer_the_endpoint_is_at_fault(kind: str):
    assert judge(reply(error_kind=kind, error="why")) == Verdict("endpoint_fault", "why")


def test_a_time_out_waits_a_minute_at_least():
    assert judge(reply(error_kind="timeout", error="why")) == Verdict("endpoint_fault", "why", 60)


def test_the_guard_is_told_apart():
    assert judge(reply(error_kind="guard", error="why")) == Verdict("guard", "why")


# Retry-After


@pytest.mark.parametrize("status", [302, 400, 413, 429, 500, 503])
def test_retry_after_is_heeded_with_whatever_failed(status: int):
    assert judge(reply(status, retry_after="7200")).minimum_delay == 7200


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("0", 0),
        ("120", 120),
        (" 120 ", 120),
        ("86400", 86_400),
        ("86401", 86_400),
        ("9" * 18, 86_400),
        ("Wed, 25 Nov 2026 12:02:00 GMT", 120),
        ("Wednesday, 25-Nov-26 12:02:00 GMT", 120),
        ("Wed Nov 25 12:02:00 2026", 120),
        ("Wed, 25 Nov 2026 13:02:00 +0100", 120),
        ("Fri, 27 Nov 2026 12:00:00 GMT", 86_400),
        ("Wed, 25 Nov 2026 11:00:00 GMT", 0),
        ("Fri, 31 Dec 9999 23:59:59 GMT", 86_400),
        ("", 0),
        ("-5", 0),
        ("1.5", 0),
        ("9" * 4000, 86_400),
        ("soon", 0),
        ("٣٠", 0),
        ("Wed, 99 Foo 2026 12:02:00 GMT", 0),
        ("Wed, 25 Nov 99999 12:02:00 GMT", 0),
    ],
)
def test_retry_after_is_read_as_rfc_9110_has_it(value: str, seconds: float):
    assert retry_after(value, NOW) == seconds


def test_a_date_is_measured_from_when_the_answer_came():
    later = NOW + timedelta(hours=2)
    assert judge(reply(503, retry_after=format_datetime(later, usegmt=True))).minimum_delay == 7200
    assert retry_after(None, NOW) == 0

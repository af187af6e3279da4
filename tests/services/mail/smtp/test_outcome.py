"""The table of outcome classes."""

import pytest

from jobrunner.services.mail.smtp import Outcome, Phase, Result
from jobrunner.services.mail.smtp.outcome import judge

TABLE = [
    (Phase.LOGIN, 535, "5.7.8 wrong", Outcome.AUTHENTICATION),
    (Phase.LOGIN, 538, "encryption required", Outcome.AUTHENTICATION),
    (Phase.LOGIN, 501, "what?", Outcome.AUTHENTICATION),
    (Phase.LOGIN, 454, "4.7.0 try later", Outcome.AUTHENTICATION),
    (Phase.MAIL, 530, "5.7.0 log in first", Outcome.AUTHENTICATION),
    (Phase.MAIL, 550, "5.7.9 too weak", Outcome.AUTHENTICATION),
    (Phase.DOT, 550, "5.7.26 unauthenticated mail", Outcome.POLICY),
    (Phase.DOT, 550, "5.7.515 access denied", Outcome.POLICY),
    (Phase.DOT, 421, "4.7.29 no TLS", Outcome.POLICY),
    (Phase.RCPT, 451, "4.7.25 no PTR", Outcome.POLICY),
    (Phase.CONNECT, 421, "busy", Outcome.RATE),
    (Phase.DOT, 421, "4.3.2 going down", Outcome.RATE),
    (Phase.RCPT, 450, "4.7.1 slow down", Outcome.RATE),
    (Phase.MAIL, 451, "4.4.5 congestion", Outcome.RATE),
    (Phase.RCPT, 452, "4.5.3 recipients", Outcome.RATE),
    (Phase.RCPT, 450, "Too many messages", Outcome.RATE),
    (Phase.MAIL, 450, "rate limited, wait", Outcome.RATE),
    (Phase.DOT, 550, "5.4.5 daily quota", Outcome.RATE),
    (Phase.MAIL, 550, "5.1.8 bad sender domain", Outcome.SENDER_REFUSED),
    (Phase.MAIL, 553, "not yours", Outcome.SENDER_REFUSED),
    (Phase.RCPT, 550, "5.1.7 bad sender", Outcome.SENDER_REFUSED),
    (Phase.RCPT, 550, "5.1.1 unknown", Outcome.BAD_ADDRESS),
    (Phase.RCPT, 550, "5.1.10 null MX", Outcome.BAD_ADDRESS),
    (Phase.RCPT, 550, "5.2.1 disabled", Outcome.BAD_ADDRESS),
    (Phase.RCPT, 550, "no such user", Outcome.BAD_ADDRESS),
    (Phase.RCPT, 551, "moved away", Outcome.BAD_ADDRESS),
    (Phase.RCPT, 450, "4.2.0 greylisted", Outcome.ADDRESS_DEFERRED),
    (Phase.RCPT, 451, "try again", Outcome.ADDRESS_DEFERRED),
    (Phase.RCPT, 471, "4.2.2 mailbox full", Outcome.ADDRESS_DEFERRED),
    (Phase.RCPT, 552, "5.2.2 mailbox full", Outcome.ADDRESS_DEFERRED),
    (Phase.RCPT, 550, "5.7.1 blocked", Outcome.REFUSED),
    (Phase.RCPT, 554, "no", Outcome.REFUSED),
    (Phase.DATA, 554, "no valid recipients", Outcome.REFUSED),
    (Phase.DOT, 552, "5.3.4 too big", Outcome.REFUSED),
    (Phase.DOT, 554, "5.6.0 looks like spam", Outcome.REFUSED),
    (Phase.DOT, 451, "4.3.0 try again", Outcome.DEFERRED),
    (Phase.MAIL, 452, "4.3.1 no room", Outcome.DEFERRED),
    (Phase.CONNECT, 554, "no service for you", Outcome.CONNECTION),
    (Phase.HELLO, 502, "no EHLO here", Outcome.CONNECTION),
    (Phase.TLS, 454, "no TLS for now", Outcome.DEFERRED),
]


@pytest.mark.parametrize(("phase", "code", "text", "expected"), TABLE)
def test_a_reply_means(phase: Phase, code: int, text: str, expected: Outcome):
    assert judge(phase, code, text).outcome is expected


@pytest.mark.parametrize(
    ("phase", "code", "text", "final"),
    [
        (Phase.RCPT, 550, "5.1.1 unknown", True),
        (Phase.DOT, 554, "5.7.1 spam", True),
        (Phase.DOT, 550, "5.7.26 no SPF", True),
        (Phase.DOT, 451, "4.7.26 no SPF", False),
        (Phase.RCPT, 450, "4.2.0 greylisted", False),
        (Phase.MAIL, 553, "not yours", False),
        (Phase.LOGIN, 535, "5.7.8 wrong", False),
    ],
)
def test_it_is_final_where_trying_again_makes_no_sense(phase: Phase, code: int, text: str, final: bool):
    assert judge(phase, code, text).final is final


@pytest.mark.parametrize(
    ("phase", "code", "text", "all_of_them"),
    [
        (Phase.CONNECT, 421, "busy", True),
        (Phase.TLS, 454, "not now", True),
        (Phase.LOGIN, 535, "wrong", True),
        (Phase.MAIL, 530, "log in", True),
        (Phase.MAIL, 553, "not yours", True),
        (Phase.RCPT, 550, "unknown", False),
        (Phase.DOT, 421, "going down", False),
    ],
)
def test_it_concerns_all_where_the_next_would_fare_the_same(phase: Phase, code: int, text: str, all_of_them: bool):
    assert judge(phase, code, text).concerns_all is all_of_them


def test_the_words_of_a_server_are_one_harmless_line():
    """H17."""
    result = judge(Phase.RCPT, 550, "5.1.1 no\n\x1b[31m such\x00 user " + "x" * 5000)

    assert result.text.startswith("5.1.1 no [31m such user xxx")
    assert result.text.isprintable()
    assert len(result.text) == 1000
    assert result.enhanced == "5.1.1"
    assert str(result).startswith("550 5.1.1 no ")
    assert str(Result(Outcome.LOCAL, Phase.IDLE, "it has no @")) == "it has no @"

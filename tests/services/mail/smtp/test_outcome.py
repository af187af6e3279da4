"""The table of outcome classes."""

import pytest

from jobrunner.services.mail.smtp import Outcome, Phase, Result
from jobrunner.services.mail.smtp.outcome import judge

# By the rows of the table of outcome classes: the row's name, then phase, code, text.
TABLE = {
    Outcome.AUTHENTICATION: [
        (Phase.LOGIN, 535, "5.7.8 wrong"),
        (Phase.LOGIN, 534, "5.7.9 too weak"),
        (Phase.LOGIN, 538, "encryption required"),
        (Phase.LOGIN, 501, "what?"),
        (Phase.LOGIN, 454, "4.7.0 try later"),
        (Phase.LOGIN, 454, "try later"),
        (Phase.MAIL, 530, "5.7.0 log in first"),
        (Phase.MAIL, 550, "5.7.8 wrong"),
        (Phase.MAIL, 550, "5.7.9 too weak"),
        (Phase.MAIL, 454, "4.7.0 log in later"),
        (Phase.RCPT, 530, "log in first"),
    ],
    Outcome.POLICY: [
        (Phase.DOT, 550, "5.7.23 SPF failed"),
        (Phase.DOT, 550, "5.7.26 unauthenticated mail"),
        (Phase.MAIL, 550, "5.7.27 sender has a null MX"),
        (Phase.RCPT, 550, "5.7.32 DMARC"),
        (Phase.DOT, 550, "5.7.515 access denied"),
        (Phase.DOT, 421, "4.7.29 no TLS"),
        (Phase.DOT, 421, "4.7.32 alignment"),
        (Phase.RCPT, 451, "4.7.23 no PTR"),
        (Phase.RCPT, 451, "4.7.25 no PTR"),
        (Phase.DOT, 451, "4.7.27 SPF"),
    ],
    Outcome.RATE: [
        (Phase.CONNECT, 421, "busy"),
        (Phase.LOGIN, 421, "busy"),
        (Phase.RCPT, 421, "busy"),
        (Phase.DOT, 421, "4.3.2 going down"),
        (Phase.RCPT, 450, "4.7.1 slow down"),
        (Phase.DOT, 451, "4.7.28 unusual rate"),
        (Phase.MAIL, 451, "4.4.5 congestion"),
        (Phase.RCPT, 452, "4.5.3 recipients"),
        (Phase.RCPT, 450, "Too many messages"),
        (Phase.MAIL, 450, "rate limited, wait"),
        (Phase.MAIL, 550, "5.4.5 daily quota"),
        (Phase.DOT, 550, "5.4.5 daily quota"),
    ],
    Outcome.CONNECTION: [
        (Phase.CONNECT, 554, "no service for you"),
        (Phase.CONNECT, 450, "not now"),
        (Phase.HELLO, 502, "no EHLO here"),
        (Phase.TLS, 454, "no TLS for now"),
        (Phase.RESET, 503, "bad sequence"),
        (Phase.RESET, 451, "trouble"),
    ],
    Outcome.SENDER_REFUSED: [
        (Phase.MAIL, 550, "5.1.8 bad sender domain"),
        (Phase.MAIL, 553, "not yours"),
        (Phase.MAIL, 550, "5.7.1 not yours"),
        (Phase.RCPT, 550, "5.1.7 bad sender"),
        (Phase.DOT, 550, "5.1.8 bad sender"),
    ],
    Outcome.BAD_ADDRESS: [
        *((Phase.RCPT, 550, f"5.{detail} unknown") for detail in ("1.1", "1.2", "1.3", "1.6", "1.10", "2.1")),
        (Phase.RCPT, 550, "no such user"),
        (Phase.RCPT, 551, "moved away"),
        (Phase.RCPT, 553, "no such name"),
        (Phase.DOT, 550, "5.1.1 unknown, as we notice late"),
    ],
    Outcome.ADDRESS_DEFERRED: [
        (Phase.RCPT, 450, "4.2.0 greylisted"),
        (Phase.RCPT, 451, "4.7.1 Greylisting in action"),
        (Phase.RCPT, 450, "gray-listed, too many new senders"),
        (Phase.RCPT, 451, "try again"),
        (Phase.RCPT, 452, "no room"),
        (Phase.RCPT, 471, "4.2.2 mailbox full"),
        (Phase.DOT, 452, "4.2.2 mailbox full"),
        (Phase.RCPT, 552, "5.2.2 mailbox full"),
        (Phase.RCPT, 550, "5.2.2 mailbox full"),
        (Phase.DOT, 552, "5.2.2 mailbox full"),
        (Phase.RCPT, 552, "too much"),
    ],
    Outcome.REFUSED: [
        (Phase.RCPT, 550, "5.7.1 blocked"),
        (Phase.RCPT, 554, "no"),
        (Phase.DATA, 554, "no valid recipients"),
        (Phase.DOT, 550, "no"),
        (Phase.DOT, 552, "5.3.4 too big"),
        (Phase.DOT, 554, "5.6.0 looks like spam"),
        (Phase.DOT, 550, "5.7.1 looks like spam"),
    ],
    Outcome.DEFERRED: [
        (Phase.DOT, 451, "4.3.0 try again"),
        (Phase.DATA, 451, "try again"),
        (Phase.MAIL, 452, "4.3.1 no room"),
    ],
    Outcome.UNSUPPORTED: [
        (Phase.MAIL, 552, "5.3.4 larger than SIZE"),
        (Phase.MAIL, 553, "5.6.7 no SMTPUTF8 for you"),
        (Phase.RCPT, 550, "5.6.7 no SMTPUTF8 for them"),
    ],
}
ROWS = [
    pytest.param(phase, code, text, outcome, id=f"{outcome.value}: {phase.value} {code} {text}")
    for outcome, replies in TABLE.items()
    for phase, code, text in replies
]


@pytest.mark.parametrize(("phase", "code", "text", "expected"), ROWS)
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
    ("phase", "code", "text", "charged"),
    [
        (Phase.RCPT, 550, "5.1.1 unknown", True),
        (Phase.DOT, 451, "4.7.26 no SPF", True),
        (Phase.DOT, 451, "try again", True),
        (Phase.RCPT, 450, "4.2.0 greylisted", True),
        (Phase.DOT, 421, "going down", False),
        (Phase.MAIL, 553, "not yours", False),
        (Phase.LOGIN, 535, "5.7.8 wrong", False),
        (Phase.CONNECT, 554, "no service", False),
    ],
)
def test_an_attempt_counts_where_it_was_about_the_message(phase: Phase, code: int, text: str, charged: bool):
    assert judge(phase, code, text).charged is charged


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

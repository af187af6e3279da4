"""Marks of automatic mail (RFC 3834, mail-in.md 7)."""

import pytest

from jobrunner.services.mail.importing.parsing import parse
from tests.services.mail.importing.letters import letter, multipart, part


def test_a_person_may_be_answered():
    marks = parse(letter(Return_Path="<ann@example.com>", Auto_Submitted="No", Precedence="first-class")).marks
    assert (marks.is_auto_reply, marks.is_automatic, marks.never_answer) == (False, False, ())
    assert marks.return_path == "ann@example.com"


@pytest.mark.parametrize(
    ("fields", "auto_reply", "automatic", "reason"),
    [
        ({"X_Autoreply": "yes"}, True, True, "automatic answer"),
        ({"X_Autorespond": ""}, True, True, "automatic answer"),
        ({"Auto_Submitted": "auto-replied"}, True, True, "Auto-Submitted is auto-replied"),
        ({"Auto_Submitted": "Auto-Replied; owner=x"}, True, True, "Auto-Submitted is auto-replied"),
        ({"Auto_Submitted": "auto-generated (rule)"}, False, True, "Auto-Submitted is auto-generated"),
        ({"Return_Path": "<>"}, False, False, "return path is empty"),
        ({"List_Id": "<x.example.com>"}, False, False, "came over a list"),
        ({"List_Unsubscribe": "<https://example.com>"}, False, False, "came over a list"),
        ({"Precedence": "Bulk"}, False, False, "Precedence is bulk"),
        ({"Precedence": "auto_reply"}, False, False, "Precedence is auto_reply"),
        ({"X_Auto_Response_Suppress": "DR, OOF, RN"}, False, False, "X-Auto-Response-Suppress"),
        ({"X_Auto_Response_Suppress": "All"}, False, False, "X-Auto-Response-Suppress"),
        ({"X_Loop": "x"}, False, False, "X-Loop"),
        ({"Feedback_ID": "x"}, False, False, "Feedback-Id"),
        ({"sender": "MAILER-DAEMON@example.com"}, False, False, "MAILER-DAEMON@"),
        ({"sender": "Mail <no-reply@example.com>"}, False, False, "no-reply@"),
        ({"sender": "noreply@example.com"}, False, False, "noreply@"),
        ({"sender": "do-not-reply@example.com"}, False, False, "do-not-reply@"),
        ({"sender": "list-request@example.com"}, False, False, "list-request@"),
        ({"sender": "owner-list@example.com"}, False, False, "owner-list@"),
        ({"sender": "list-bounces@example.com"}, False, False, "list-bounces@"),
        ({"sender": "bounces+ann=example.org@example.com"}, False, False, "bounces+ann"),
        ({"sender": "root"}, False, False, "no address"),
        ({"sender": ""}, False, False, "no address"),
    ],
)
def test_marks(fields: dict[str, str], auto_reply: bool, automatic: bool, reason: str):
    marks = parse(letter(**fields)).marks
    assert (marks.is_auto_reply, marks.is_automatic) == (auto_reply, automatic)
    assert reason in "; ".join(marks.never_answer)


@pytest.mark.parametrize("fields", [{"X_Auto_Response_Suppress": "DR, RN"}, {"sender": "request@example.com"}])
def test_no_marks(fields: dict[str, str]):
    assert parse(letter(**fields)).marks.never_answer == ()


def test_a_report_is_not_answered():
    source = multipart(part(), kind="report", head="From: ann@example.com\r\n")
    assert parse(source).marks.never_answer == ("it is a report",)

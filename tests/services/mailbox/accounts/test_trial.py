"""An account tried at a server that misbehaves, and what is said of it; what a real one does is in tests/cli."""

import ssl
from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from pydantic import SecretStr

from jobrunner.services.mail.imap import Account, Fault, Limits
from jobrunner.services.mail.importing.storing.outcome import AccountRef
from jobrunner.services.mailbox.accounts.loading import FetchAccount
from jobrunner.services.mailbox.accounts.trial import Trial, is_read, try_account
from tests.services.mail.imap.scripted_server import CLOSE, SILENT, ScriptedServer

PASSWORD = "canary-tr1al"
QUICK = Limits(connect=5, silence=0.5, command=2, farewell=0.2)


def account(port: int, **imap: Any) -> FetchAccount:
    values: dict[str, Any] = {"security": "none", "password": SecretStr(PASSWORD)} | imap
    return FetchAccount(
        AccountRef("Personal", 1, 0), "Ann's", "ann@example.org", Account("127.0.0.1", "ann", port, **values),
        ("INBOX",), date(2026, 1, 1), False, True, None, "ann",
    )  # fmt: skip


async def tried(script: Any, server: dict[str, Any] | None = None, **imap: Any) -> Trial:
    async with ScriptedServer(script, **(server or {})) as served:
        return await try_account(account(served.port, **imap), limits=QUICK)


@pytest.mark.parametrize(
    ("script", "fault", "advice"),
    [
        ({"GREETING": SILENT}, Fault.TIMEOUT, "a port that expects TLS from the first byte behaves like that"),
        ({"GREETING": "220 mail.example.org ESMTP"}, Fault.NONSENSE, "is no IMAP server"),
        ({"LIST": SILENT}, Fault.TIMEOUT, "it is overloaded, or a firewall in between cuts connections"),
        ({"STATUS": CLOSE}, Fault.LOST, "it is overloaded, or a firewall in between cuts connections"),
        ({"EXAMINE": SILENT}, Fault.TIMEOUT, "it is overloaded, or a firewall in between cuts connections"),
        ({"SEARCH": SILENT}, Fault.TIMEOUT, "it is overloaded, or a firewall in between cuts connections"),
        ({"LIST": f"* LIST () NIL {'x' * 100_000}\r\nTAG OK"}, Fault.FLOOD, "No mail server sends so much unasked"),
        ({"LIST": "TAG NO [UNAVAILABLE] maintenance"}, Fault.BUSY, "Try again in a while"),
        ({"LIST": "TAG NO not for you"}, Fault.DENIED, "The login works; the server refuses what is needed"),
    ],
)
async def test_each_fault_is_explained(script: Any, fault: Fault, advice: str):
    trial = await tried(script)
    assert trial.error is not None
    assert trial.error.fault is fault
    assert trial.advice is not None
    assert advice in trial.advice
    assert not trial.worked
    assert PASSWORD not in f"{trial.error}{trial.advice}"


async def test_a_login_that_is_refused_says_what_to_enter_anew():
    trial = await tried({"AUTHENTICATE": "TAG NO wrong", "LOGIN": "TAG NO wrong"})
    assert trial.error is not None
    assert trial.error.fault is Fault.LOGIN
    assert trial.advice is not None
    assert "`jobrunner email-account edit 'Ann'\"'\"'s' --ask-password`" in trial.advice


async def test_a_folder_that_cannot_be_counted_is_listed_all_the_same():
    trial = await tried({"STATUS": "TAG NO broken index"})
    assert trial.worked
    assert [(one.name, one.messages, one.is_read) for one in trial.folders] == [("INBOX", None, True)]


async def test_a_certificate_for_another_name(server_tls: Callable[[str], ssl.SSLContext], client_tls: ssl.SSLContext):
    context = server_tls("other.example.org")
    trial = await tried({}, {"tls": context}, security="ssl", tls_context=client_tls)
    assert trial.error is not None
    assert trial.error.fault is Fault.CERTIFICATE
    assert trial.advice is not None
    assert trial.advice.startswith("The certificate is for another name")


@pytest.mark.parametrize(
    ("patterns", "folder", "expected"),
    [
        (("inbox",), "INBOX", True),
        (("Sent",), "sent", False),
        (("A/*",), "A/b/c", True),
        (("A/*",), "A", False),
        (("*ß?",), "Großß?", True),
        (("*ß?",), "Großßx", False),
    ],
)
def test_patterns_of_folders(patterns: tuple[str, ...], folder: str, expected: bool):
    assert is_read(patterns, folder) is expected

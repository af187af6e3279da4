"""What nobody caught is one line; with JOBRUNNER_DEBUG=1 it has its traceback."""

import json
import os
import subprocess
import sys

import pytest

URL = "postgresql://crm:canary-51c9@db/crm"
FAULTS = """
import asyncio, logging, sys, threading
from jobrunner.cli import last_net, output

def fail(*_):
    raise ValueError("two\\nlines postgresql://crm:canary-51c9@db/crm \\x1b[31m")

class Failing:
    def __del__(self):
        fail()

def a_thread():
    thread = threading.Thread(target=fail, name="worker")
    thread.start()
    thread.join()

def an_object():
    Failing()

def the_end():
    fail()

def ctrl_c():
    raise KeyboardInterrupt

def a_task():
    async def failing():
        fail()
    async def forget():
        asyncio.create_task(failing())
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    output.run(forget())

def a_callback():
    async def call():
        asyncio.get_running_loop().call_soon(fail)
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    output.run(call())

def a_cancelled_main_task():
    async def cancelled():
        raise asyncio.CancelledError
    output.run(cancelled())

last_net.spread()
if sys.argv[2:]:
    from jobrunner.cli.logging_setup import set_up_logging
    from jobrunner.config import load
    set_up_logging(load(log_format=sys.argv[2]))
globals()[sys.argv[1]]()
"""
KINDS = ["a_thread", "an_object", "the_end", "a_task", "a_callback", "a_cancelled_main_task"]


def said(*arguments: str, debug: bool = False) -> str:
    """Run one of the faults in a process and return what it printed."""
    done = subprocess.run(
        [sys.executable, "-c", FAULTS, *arguments],
        env=os.environ | {"JOBRUNNER_DEBUG": str(int(debug)), "JOBRUNNER_DATABASE_URL": URL},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.stdout == ""
    return done.stderr


@pytest.mark.parametrize("log", [[], ["text"]], ids=["no log", "log"])
@pytest.mark.parametrize("kind", KINDS)
def test_it_is_one_line(kind: str, log: list[str]):
    """H21, H17: and has no secret and no control character."""
    text = said(kind, *log)
    assert text.count("\n") == 1
    assert "Traceback" not in text
    assert "JOBRUNNER_DEBUG=1 shows" in text
    assert "canary-51c9" not in text
    assert "\x1b" not in text


@pytest.mark.parametrize("log", [[], ["text"]], ids=["no log", "log"])
@pytest.mark.parametrize("kind", KINDS)
def test_who_debugs_sees_the_traceback(kind: str, log: list[str]):
    assert "Traceback (most recent call last)" in said(kind, *log, debug=True)


def test_it_names_the_error_and_its_place():
    assert "the thread worker has ended (ValueError: two lines postgresql://crm:***@db/crm" in said("a_thread")
    assert "at <string>:" in said("a_thread", "text")


def test_json_lines_have_their_traceback():
    entry = json.loads(said("a_task", "json"))
    assert entry["level"] == "error"
    assert "ValueError: two" in entry["traceback"]


def test_ctrl_c_needs_no_words():
    assert said("ctrl_c") == ""

"""`jobrunner crontab explain`."""

import json
import os
import re
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from jobrunner.cli.crontab import app
from jobrunner.crontab import CrontabError
from jobrunner.errors import InvalidInput


def run(*arguments):
    result = CliRunner().invoke(app, ["explain", *arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.output


def test_json_has_the_promised_keys():
    output = run("30 2 * * *", "--time-zone", "Europe/Berlin", "--after", "2026-03-28T12:00", "--count", "2", "--json")
    explanation = json.loads(output)
    assert set(explanation) == {"expression", "words", "time_zone", "next", "jobs_per_day", "warnings"}
    assert explanation["expression"] == "30 2 * * *"
    assert explanation["words"] == "At 02:30 every day"
    assert explanation["time_zone"] == "Europe/Berlin"
    assert explanation["next"] == ["2026-03-29T03:00:00+02:00", "2026-03-30T02:30:00+02:00"]
    assert explanation["jobs_per_day"] == 1
    assert len(explanation["warnings"]) == 2


def test_text_for_people():
    output = run("*/5 2 * * *", "--time-zone", "Europe/Berlin", "--after", "2026-10-25T02:44", "--count", "5")
    assert "Every 5 minutes in the hour 02." in output
    assert "Next fire times in Europe/Berlin" in output
    assert "Sun 2026-10-25 02:55:00+02:00\n  Sun 2026-10-25 02:00:00+01:00" in output
    assert "Jobs a day: 12\n" in output
    assert "- On Sunday 25 October 2026 the clock goes back from 03:00 to 02:00" in output


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("* * * * * *", "86,400"),
        ("*/10 * * * 1-5", "102.9 on average"),
        ("0 0 1 * *", "0.033 on average (12 a year)"),
        ("0 0 29 2 *", "0.00066 on average (0.242 a year)"),
    ],
)
def test_jobs_a_day(text, rate):
    assert f"Jobs a day: {rate}\n" in run(text)


def test_no_warnings_no_heading():
    assert "Look out" not in run("*/5 * * * *")


def test_after_takes_an_offset():
    explanation = json.loads(run("0 * * * *", "--after", "2026-01-01T12:30:00+05:45", "--count", "1", "--json"))
    assert explanation["next"] == ["2026-01-01T07:00:00+00:00"]


def test_now_is_where_it_starts():
    first, second = json.loads(run("* * * * * *", "--count", "2", "--json"))["next"]
    assert re.fullmatch(r"20\d\d-.*\+00:00", first)
    assert first < second


def test_what_is_wrong_is_raised_for_the_command_line_to_tell():
    with pytest.raises(CrontabError, match="minute '61' is out of range"):
        run("61 * * * *")
    with pytest.raises(InvalidInput, match="Mars/Olympus"):
        run("* * * * *", "--time-zone", "Mars/Olympus")
    with pytest.raises(InvalidInput, match="--after 'tomorrow' is no time"):
        run("* * * * *", "--after", "tomorrow")


@pytest.mark.parametrize("count", ["0", "1001", "many"])
def test_count_is_limited(count):
    assert CliRunner().invoke(app, ["explain", "* * * * *", "--count", count]).exit_code == 2


def test_an_invalid_one_exits_with_2_and_one_sentence():
    """The whole command line in a process of its own."""
    code = "from jobrunner.cli import main; main()"
    result = subprocess.run(
        [sys.executable, "-c", code, "crontab", "explain", "0 0 30 2 *"],
        capture_output=True,
        text=True,
        env={**os.environ, "NO_COLOR": "1"},
    )
    assert result.returncode == 2
    assert result.stdout == ""
    assert result.stderr.startswith("Error: crontab day-of-month, month and day-of-week '30 2 *' never comes")
    assert result.stderr.count("\n") == 1

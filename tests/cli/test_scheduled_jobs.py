"""`jobrunner scheduled-jobs`, as a person types it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

JOBS = """
from jobrunner.definitions import job

@job("SendGreeting", crontab="*/2 * * * *")
async def send_greeting(ctx, to: str = "all") -> None: ...
"""


@pytest.fixture
def jobrunner(database_url: str, tmp_path: Path):
    (tmp_path / "greetings.py").write_text(JOBS)
    root = Path(__file__).parents[2]
    environment = {
        **os.environ,
        "PYTHONPATH": f"{root}{os.pathsep}{tmp_path}",
        "JOBRUNNER_DATABASE_URL": database_url,
        "JOBRUNNER_IMPORT": "greetings",
        "TZ": "UTC",
    }

    def run(*arguments: str, code: int = 0) -> str:
        done = subprocess.run(
            [sys.executable, "-m", "jobrunner", "scheduled-jobs", *arguments],
            capture_output=True,
            text=True,
            env=environment,
            cwd=tmp_path,
            timeout=60,
        )
        assert done.returncode == code, done.stdout + done.stderr
        if code:
            assert done.stdout == ""
            assert done.stderr.startswith("Error: ")
            assert done.stderr.count("\n") == 1
            return done.stderr
        return done.stdout

    return run


def test_the_life_of_a_scheduled_job(jobrunner):
    added = json.loads(
        jobrunner("add", "send-greeting", "--crontab", "0 12 * * *", "--time-zone", "Asia/Tokyo", "--json")
    )
    assert (added["name"], added["job"], added["status"]) == ("Send Greeting", "SendGreeting", "Active")
    assert "T03:00:00" in added["next_fire_at"]
    assert jobrunner("list").splitlines()[1].split("\t")[1:6] == [
        "Send Greeting",
        "SendGreeting",
        "0 12 * * *",
        "Asia/Tokyo",
        "Active",
    ]
    assert "next at" in jobrunner("edit", "Send Greeting", "--no-time-zone", "--name", "Noon", "--data", '{"to": "x"}')
    [row] = json.loads(jobrunner("list", "--json"))
    assert (row["name"], row["time_zone"], row["data"]) == ("Noon", None, {"to": "x"})
    assert jobrunner("pause", "Noon") == f"paused {row['id']} Noon\n"
    assert json.loads(jobrunner("resume", str(row["id"]), "--json"))[0]["status"] == "Active"
    job_id = int(jobrunner("run", "Noon"))
    assert json.loads(jobrunner("run", "Noon", "--json")) == [job_id]
    shown = json.loads(jobrunner("show", "Noon", "--json"))
    assert (shown["waiting"], shown["runs"]) == (1, [])
    assert len(shown["outlook"]["next"]) == 5
    text = jobrunner("show", "Noon")
    assert "12:00" in text
    assert "Next fire times in UTC" in text
    assert jobrunner("remove", "Noon") == f"removed {row['id']} Noon\n"
    assert json.loads(jobrunner("list", "--json")) == []


def test_what_is_wrong_is_one_sentence_and_two(jobrunner):
    """F33 F35 H02 H03."""
    jobrunner("add", "SendGreeting")
    for arguments, words in [
        (("add", "SendGreting"), "did you mean SendGreeting"),
        (("add", "SendGreeting", "--name", "x", "--crontab", "0 0 30 2 *"), "never comes"),
        (("add", "SendGreeting", "--name", "x", "--crontab", "61 * * * *"), "0-59"),
        (("add", "SendGreeting", "--name", "x", "--time-zone", "Mars/Olympus"), "Mars/Olympus"),
        (("add", "SendGreeting", "--name", "x", "--data", '{"two": 1}'), "'two'"),
        (("add", "SendGreeting", "--name", "x", "--data", "{"), "JSON"),
        (("add", "SendGreeting", "--name", "a\u202eb"), "U+202E"),
        (("edit", "Send Greetin", "--name", "x"), "did you mean 'Send Greeting'?"),
        (("edit", "Send Greeting"), "nothing to change"),
        (("edit", "Send Greeting", "--time-zone", "UTC", "--no-time-zone"), "contradict"),
        (("remove", "Send Greeting", "99"), "no scheduled job 99"),
    ]:
        assert words in jobrunner(*arguments, code=2)
    assert "already" in jobrunner("add", "SendGreeting", code=1)
    assert len(json.loads(jobrunner("list", "--json"))) == 1


async def test_what_does_not_fire_is_named_in_a_list(jobrunner, connection):
    await connection.execute(
        "INSERT INTO jobrunner.scheduled_job (name, job, crontab, problem)"
        " VALUES ('Odd', 'SendGreeting', 'x', 'it is odd')"
    )
    assert json.loads(jobrunner("list", "--json"))[0]["problem"] == "it is odd"
    assert "it is odd" in jobrunner("show", "Odd")


def test_what_is_named_twice_is_done_once(jobrunner):
    added = json.loads(jobrunner("add", "send-greeting", "--json"))
    names = ["Send Greeting", str(added["id"]), "Send Greeting"]
    assert jobrunner("pause", *names).count("paused") == 1
    assert jobrunner("resume", *names).count("resumed") == 1
    assert len(json.loads(jobrunner("run", *names, "--json"))) == 1
    assert jobrunner("remove", *names).count("removed") == 1

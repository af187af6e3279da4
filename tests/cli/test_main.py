import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from jobrunner.cli import MODULES, main, options
from jobrunner.cli.options import globals_first

CANARY = "canary-51c9"

COMMANDS = """
import sys
from jobrunner import errors
from jobrunner.cli import app, main
from jobrunner.cli.output import run, table

@app.command()
def fail(kind: str, message: str = "it is so"):
    known = vars(errors) | vars(__builtins__)
    raise known[kind](message.encode().decode("unicode_escape"))

@app.command()
def leave(code: int):
    import typer
    raise typer.Exit(code)

@app.command()
def wait():
    import asyncio
    async def forever():
        print("waiting", flush=True)
        try:
            await asyncio.Event().wait()
        finally:
            print("cleaned", flush=True)
    run(forever())

@app.command()
def much(rows: int):
    sys.stdin.readline()
    table([{"number": number} for number in range(rows)], ["number"])

main()
"""


def command(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", COMMANDS, *arguments],
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=30,
    )


def started(*arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", COMMANDS, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_help_imports_no_web_mail_or_database_code():
    """`jobrunner --help` is quick because it loads typer and nothing else that is large."""
    script = (
        "import sys\n"
        "from jobrunner.cli import main\n"
        "try: main(['--help'])\n"
        "except SystemExit: pass\n"
        "print(*sys.modules, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=30)
    loaded = set(done.stderr.split())
    assert "Usage" in done.stdout
    assert "typer" in loaded
    heavy = {"aioimaplib", "aiohttp", "aiosmtplib", "alembic", "apscheduler", "asyncio", "asyncpg", "dask"}
    heavy |= {"email", "fastapi", "jinja2", "psycopg", "pydantic", "pydantic_settings", "sqlalchemy", "starlette"}
    heavy |= {"structlog", "uvicorn", "uvloop"}
    assert not loaded & heavy
    ours = {name for name in loaded if name.startswith("jobrunner.") and not name.startswith("jobrunner.cli")}
    assert ours == {"jobrunner.errors", "jobrunner.unforeseen"}


def test_every_module_of_a_command_is_mounted():
    folder = Path(__file__).parents[2] / "jobrunner" / "cli"
    helpers = {"__init__", "options", "output", "session"}
    with_commands = {path.stem for path in folder.glob("*.py") if "typer.Typer(" in path.read_text()}
    assert with_commands - helpers <= set(MODULES)


def test_without_a_command_it_shows_its_help(capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as ended:
        main([])
    assert ended.value.code == 0
    assert "version" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "columns", "shown"),
    [
        ([], 40, ("--database-url URL", "--install-completion", "notification-preferences")),
        (["jobs"], 40, ("Cancel jobs: a Pending one\n           at once;",)),
        (["jobs", "retry"], 40, ("--scheduled-job NAME",)),
        (["webhook", "add"], 40, ("--strict-order / --no-strict-order",)),
        (["webhook", "add"], 80, ("--strict-order / --no-strict-order",)),
    ],
)
def test_help_in_a_narrow_window_shows_names_whole(
    arguments: list[str],
    columns: int,
    shown: tuple[str, ...],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
):
    monkeypatch.setenv("COLUMNS", str(columns))
    with pytest.raises(SystemExit) as stop:
        main([*arguments, "--help"])
    assert stop.value.code == 0
    written = capsys.readouterr().out
    assert "…" not in written
    assert "..." not in written.replace("[ARGS]...", "").replace("[ID]...", "")
    for text in shown:
        assert text in written


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        ("JobrunnerError", 1),
        ("Conflict", 1),
        ("DatabaseUnavailable", 1),
        ("InvalidInput", 2),
        ("NotFound", 2),
        ("ConfigurationError", 2),
    ],
)
def test_our_errors_are_one_sentence_and_an_exit_code(kind: str, code: int):
    done = command("fail", kind)
    assert (done.returncode, done.stdout, done.stderr) == (code, "", "Error: it is so\n")


def test_an_unexpected_error_is_one_sentence_and_with_debug_a_traceback():
    done = command("fail", "ZeroDivisionError", "--message=two\\nlines", JOBRUNNER_DEBUG="0")
    assert done.returncode == 1
    assert done.stderr == "Error: unexpected ZeroDivisionError: two lines (JOBRUNNER_DEBUG=1 shows where)\n"
    done = command("fail", "ZeroDivisionError", JOBRUNNER_DEBUG="1")
    assert done.returncode == 1
    assert "Traceback" in done.stderr
    assert "ZeroDivisionError: it is so" in done.stderr


@pytest.mark.parametrize("kind", ["NotFound", "RuntimeError"])
@pytest.mark.parametrize("debug", ["0", "1"])
def test_an_error_shows_no_secret_and_no_control_character(kind: str, debug: str):
    """H21, H17"""
    message = f"no postgresql://crm:{CANARY}@db/crm \\x1b[31m\\u202e"
    done = command("fail", kind, "--message", message, JOBRUNNER_DEBUG=debug)
    assert "postgresql://crm:***@db/crm" in done.stderr
    assert CANARY not in done.stderr.replace(message, "")
    assert "\x1b" not in done.stderr
    assert "\u202e" not in done.stderr
    assert "\\x1b[31m\\u202e" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["nonsense"], "Error: No such command 'nonsense'"),
        (["config", "shw"], "Did you mean 'show'? (`jobrunner config --help` shows how)"),
        (["version", "--nonsense"], "Error: No such option"),
        (["--config"], "Error: Option '--config' requires an argument"),
    ],
)
def test_a_mistake_in_the_call_is_one_sentence(arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    output = capsys.readouterr()
    assert ended.value.code == 2
    assert output.out == ""
    assert sentence in output.err
    assert output.err.count("\n") == 1


def test_a_command_may_choose_its_exit_code():
    assert command("leave", "3").returncode == 3
    assert command("leave", "0").returncode == 0


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_cancels_what_runs_and_ends_quietly(number: signal.Signals, code: int):
    with started("wait") as process:
        assert process.stdout.readline() == "waiting\n"
        process.send_signal(number)
        out, err = process.communicate(timeout=10)
    assert (process.returncode, out, err) == (code, "cleaned\n", "")


@pytest.mark.parametrize("rows", [1, 100_000])
def test_output_that_nobody_reads_ends_quietly(rows: int):
    """F46"""
    with started("much", str(rows)) as process:
        process.stdout.close()
        process.stdin.write("go\n")
        process.stdin.close()
        err = process.stderr.read()
        process.wait(timeout=10)
    assert (process.returncode, err) == (1, "")


# Global options


@pytest.mark.parametrize(
    ("given", "ordered"),
    [
        ([], []),
        (["jobs", "list"], ["jobs", "list"]),
        (["daemon", "--import", "crm"], ["--import", "crm", "daemon"]),
        (["daemon", "--import=crm", "--json"], ["--import=crm", "daemon", "--json"]),
        (["--config", "a", "daemon", "--database-url", "b"], ["--config", "a", "--database-url", "b", "daemon"]),
        (["run-job", "--", "--import", "x"], ["run-job", "--", "--import", "x"]),
        (["daemon", "--config"], ["--config", "daemon"]),
        (["x", "--importance", "1"], ["x", "--importance", "1"]),
    ],
)
def test_global_options_may_stand_anywhere(given: list[str], ordered: list[str]):
    assert globals_first(given) == ordered


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--version"], "jobrunner "),
        (["-V"], "jobrunner "),
        (["help"], "Usage: jobrunner [OPTIONS]"),
        (["help", "jobs", "list"], "Usage: jobrunner jobs list"),
    ],
)
def test_habits_of_other_programs_are_understood(arguments: list[str], said: str, capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 0
    assert capsys.readouterr().out.strip().startswith(said)


def test_global_options_reach_the_configuration(capsys: pytest.CaptureFixture[str], tmp_path: Path):
    file = tmp_path / "x.toml"
    file.write_text("lease = 7")
    with pytest.raises(SystemExit):
        main(["version", "--import", "a", "--import=b, c", "--config", str(file), "--database-url=postgresql://h/d"])
    assert options.given.as_settings() == {
        "database_url": "postgresql://h/d",
        "config_file": file,
        "imports": ["a", "b", "c"],
    }
    assert "postgresql" not in repr(options.given)
    with pytest.raises(SystemExit):
        main(["version"])
    assert options.given.as_settings() == {"database_url": None, "config_file": None, "imports": None}

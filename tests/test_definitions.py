"""Job definitions: what the decorator refuses, how data is validated, how modules of jobs are found (H24)."""

import ast
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Literal

import pytest

from jobrunner.definitions import Definition, Registry, default_pause
from jobrunner.errors import ConfigurationError, InvalidJobData, UnknownDefinition
from tests.support.daemons import DaemonProcess, ended, until

ROOT = Path(__file__).parents[1]


def refusal(definition: Definition, data: dict[str, Any]) -> str:
    with pytest.raises(InvalidJobData) as refused:
        definition.arguments(data)
    return str(refused.value)


# Data


async def greet(ctx: Any, name: str, times: int = 1, *, tone: Literal["kind", "dry"] = "kind") -> None: ...


GREET = Definition(name="Greet", function=greet)


def test_parameters_are_the_jobs_data():
    assert GREET.arguments({"name": "Ada"}) == {"name": "Ada", "times": 1, "tone": "kind"}
    assert GREET.takes_context
    schema = GREET.parameters_schema()
    assert set(schema["properties"]) == {"name", "times", "tone"}
    assert schema["required"] == ["name"]
    assert schema["additionalProperties"] is False


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        ({}, "Greet: 'name' is missing"),
        ({"nam": "Ada"}, "Greet: 'name' is missing and 'nam' is no parameter of it; did you mean name?"),
        ({"name": "Ada", "time": 2}, "Greet: 'time' is no parameter of it; did you mean times?"),
        ({"name": "Ada", "times": "often"}, "Greet: 'times': input should be a valid integer"),
        ({"name": 5}, "Greet: 'name': input should be a valid string, got 5"),
        ({"name": "Ada", "tone": "loud"}, "Greet: 'tone': input should be 'kind' or 'dry'"),
    ],
)
def test_data_that_does_not_fit_is_refused_with_the_field(data: dict[str, Any], sentence: str):
    assert refusal(GREET, data).startswith(sentence)


def test_parameters_may_have_names_that_validation_reserves():
    async def odd(model_config: int, schema: str, copy: bool = True) -> None: ...

    definition = Definition(name="Odd", function=odd)
    assert definition.arguments({"model_config": 1, "schema": "s"}) == {"model_config": 1, "schema": "s", "copy": True}


def test_a_job_without_parameters_takes_no_data():
    async def nothing(ctx: Any) -> None: ...

    definition = Definition(name="Nothing", function=nothing)
    assert definition.arguments({}) == {}
    assert refusal(definition, {"a": 1}) == "Nothing takes no data, got 'a'"
    assert definition.parameters_schema() == {"type": "object", "properties": {}, "additionalProperties": False}


def test_data_is_passed_by_name_only():
    async def positional(*names: str) -> None: ...

    with pytest.raises(ConfigurationError, match="must be a plain or keyword-only one"):
        Definition(name="Positional", function=positional)


# Names


def test_names_are_found_in_every_writing():
    registry = Registry()
    definition = Definition(name="SendGreeting", function=greet)
    registry.add(definition)
    for name in ("SendGreeting", "send-greeting", "send_greeting", "sendgreeting"):
        assert registry.find(name) is definition
    with pytest.raises(UnknownDefinition, match=r"no job is named 'SendGreting'; did you mean SendGreeting\?"):
        registry.find("SendGreting")


def test_a_name_belongs_to_one_function():
    async def other() -> None: ...

    registry = Registry()
    registry.add(Definition(name="Greet", function=greet))
    registry.add(Definition(name="Greet", function=greet))  # its module was imported again
    with pytest.raises(ConfigurationError, match="two jobs are named 'Greet'"):
        registry.add(Definition(name="Greet", function=other))


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ("'9lives'", "a job's name begins with a letter"),
        ("'a b'", "a job's name begins with a letter"),
        ("'A', max_attempts=0", "max_attempts must be from 1 to 1000, got 0"),
        ("'A', max_attempts=1001", "max_attempts must be from 1 to 1000, got 1001"),
        ("'A', deadline=0", "deadline must be positive, got 0"),
        ("'A', pause=-1", "pause must not be negative, got -1"),
        ("'A', queue='a,b'", "a queue's name has 1 to 64 printable letters"),
        ("'A', queue='q' * 65", "a queue's name has 1 to 64 printable letters"),
        ("'A', crontab='61 * * * *'", "^job 'A': crontab minute '61' .*; allowed: "),
        ("'A', crontab='* * * *'", "^job 'A': crontab expression '\\* \\* \\* \\*' .*; allowed: "),
        ("'A', crontab='0 0 30 2 *'", "^job 'A': crontab .*; allowed: "),
    ],
)
def test_what_the_decorator_refuses(options: str, sentence: str):
    from jobrunner import job

    with pytest.raises(ConfigurationError, match=sentence):
        eval(f"job({options})", {"job": job})(lambda: None)


def test_the_usual_pause_grows_to_an_hour_with_jitter():
    for attempt, seconds in ((1, 10), (2, 30), (3, 90), (6, 2430), (7, 3600), (1000, 3600)):
        pauses = [default_pause(attempt) for _ in range(100)]
        assert min(pauses) >= seconds * 0.8
        assert max(pauses) <= seconds * 1.2
        assert max(pauses) - min(pauses) > seconds * 0.1


# Modules of jobs: a package with entry points, some of which are no good

MODULES = {
    "raising": "raise KeyError('at import')",
    "leaving": "import sys; sys.exit(3)",
    "hanging": "import threading; threading.Event().wait()",
    "good": "from jobrunner import job\n@job('Good')\nasync def good() -> None: ...",
    "taking": "from jobrunner import job\n@job('Good')\nasync def another() -> None: ...",
    "late": "from jobrunner import job\n@job('Late')\ndef late() -> None: ...",
    "crontab": "from jobrunner import job\n@job('Odd', crontab='61 * * * *')\nasync def odd() -> None: ...",
    "half": (
        "import h24_whole, h24_other_half\nfrom jobrunner import job\n"
        "@job('Half')\nasync def half() -> None: ...\nraise KeyError('after Half')"
    ),
    "other_half": ("from jobrunner import job\n@job('OtherHalf')\nasync def half() -> None: ...\n1 / 0"),
    "whole": "from jobrunner import job\n@job('Whole')\nasync def whole() -> None: ...",
    "slow": (
        "import builtins, threading\nimport h24_whole\nfrom jobrunner import job\n"
        "@job('Early')\nasync def early() -> None: ...\n"
        "builtins.go_on = threading.Event()\nbuiltins.go_on.wait()\n"
        "@job('Behind')\nasync def behind() -> None: ...\nbuiltins.all_done.set()"
    ),
}
FIND = """
import json
from jobrunner.definitions import importing, registry
importing.IMPORT_LIMIT = 0.5
registry.load(["h24_taking", "h24_late"])
print(json.dumps([registry.names(), registry.problems]))
"""


@pytest.fixture
def modules(tmp_path: Path) -> Path:
    """A folder with modules of jobs."""
    for name, text in MODULES.items():
        (tmp_path / f"h24_{name}.py").write_text(text)
    return tmp_path


@pytest.fixture
def package(modules: Path) -> Path:
    """The same, with an installed distribution that names most of them as its entry points."""
    info = modules / "h24-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: h24\nVersion: 1.0\n")
    points = [f"{name} = h24_{name}\n" for name in ("raising", "leaving", "hanging", "good", "absent")]
    (info / "entry_points.txt").write_text("[jobrunner.jobs]\n" + "".join(points))
    return modules


def test_modules_that_are_no_good_are_named_and_the_others_load(package: Path):
    """H24: one that raises, leaves the program, hangs, takes a name; also one that does not exist."""
    done = subprocess.run(
        [sys.executable, "-c", FIND],
        env={**os.environ, "PYTHONPATH": f"{ROOT}:{package}"},
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.returncode == 0, done.stderr
    names, problems = json.loads(done.stdout)
    assert set(names) >= {"Good", "Late", "SendEmailReminders"}
    assert sorted(problems) == [
        "the module 'h24_absent' could not be imported (ModuleNotFoundError: No module named 'h24_absent'): "
        "its jobs are left out",
        "the module 'h24_hanging' did not finish importing within 0.5 s: its jobs are left out",
        "the module 'h24_leaving' could not be imported (SystemExit: 3): its jobs are left out",
        "the module 'h24_raising' could not be imported (KeyError: 'at import'): its jobs are left out",
        "the module 'h24_taking' could not be imported (two jobs are named 'Good': h24_good.good "
        "and h24_taking.another; rename one): its jobs are left out",
    ]


LOAD = """
import json, sys, builtins, threading
from jobrunner.definitions import importing, registry
importing.IMPORT_LIMIT = float(sys.argv[1])
builtins.all_done = threading.Event()
registry.load(sys.argv[2:])
if hasattr(builtins, "go_on"):
    builtins.go_on.set()
    builtins.all_done.wait()
own = [one.name for one in registry if not one.module.startswith("jobrunner.")]
print(json.dumps([own, registry.problems]))
"""


def loaded(folder: Path, *names: str, limit: float = 20.0) -> tuple[set[str], list[str]]:
    """Load modules in a process of its own; return the names of their jobs and the problems."""
    done = subprocess.run(
        [sys.executable, "-c", LOAD, str(limit), *names],
        env={**os.environ, "PYTHONPATH": f"{ROOT}:{folder}"},
        capture_output=True,
        text=True,
        timeout=30,
    )
    assert done.returncode == 0, done.stderr
    found, problems = json.loads(done.stdout)
    return set(found), problems


def test_a_crontab_that_cannot_be_read_is_named_with_module_job_and_field(modules: Path):
    """H24, F33: at once, not when a daemon makes its scheduled job; the others load."""
    names, problems = loaded(modules, "h24_crontab", "h24_good")
    assert names == {"Good"}
    (problem,) = problems
    assert problem.startswith(
        "the module 'h24_crontab' could not be imported (job 'Odd': crontab minute '61' is out of range"
    )
    assert problem.endswith("): its jobs are left out")


def test_a_module_that_fails_midway_contributes_nothing(modules: Path):
    """H24: what it had registered is taken out again, and so is that of a module whose import it fails with."""
    names, problems = loaded(modules, "h24_half", "h24_good")
    assert names == {"Good", "Whole"}
    assert problems == [
        "the module 'h24_half' could not be imported (ZeroDivisionError: division by zero): its jobs are left out"
    ]


def test_a_package_that_fails_contributes_nothing_of_its_parts(modules: Path):
    """H24: a part that was imported whole cannot be imported without its package."""
    package = modules / "h24_package"
    package.mkdir()
    (package / "__init__.py").write_text("import h24_package.part\nraise KeyError('after the part')")
    (package / "part.py").write_text(MODULES["good"])
    names, problems = loaded(modules, "h24_package", "h24_taking")
    assert names == {"Good"}  # the one of h24_taking: the name is free again
    assert len(problems) == 1


def test_a_module_that_ends_too_late_contributes_nothing(modules: Path):
    """H24: neither what it registered before nor what it does when it goes on; a module that it imported is whole."""
    names, problems = loaded(modules, "h24_slow", "h24_good", limit=0.5)
    assert names == {"Good", "Whole"}
    assert problems == ["the module 'h24_slow' did not finish importing within 0.5 s: its jobs are left out"]


async def test_a_daemon_says_which_modules_are_no_good_and_runs_the_rest(
    database_url: str, connection: Any, modules: Path
) -> None:
    """H24: in its log and to whoever asks for its state; the jobs of the others run."""
    daemon = DaemonProcess(database_url, imports="h24_raising,h24_good,h24_taking,h24_late", folder=modules)
    try:
        await daemon.ready()
        for name, reason in (("raising", "KeyError"), ("taking", "two jobs are named 'Good'")):
            assert reason in daemon.wait_for(f"the module 'h24_{name}' could not be imported")
        jobs = [await connection.fetchval("SELECT jobrunner.enqueue($1)", name) for name in ("Good", "Late")]
        assert [row["status"] for row in await ended(connection, *jobs)] == ["Success", "Success"]
        problems = "SELECT state -> 'problems' FROM jobrunner.daemon WHERE jsonb_array_length(state -> 'problems') = 2"
        assert "h24_taking" in await until(connection, problems)
    finally:
        code = daemon.stop()
    assert code == 0


# Nothing that is stored is ever executed

EXECUTING = {"pickle", "cPickle", "marshal", "shelve", "dill", "cloudpickle", "joblib", "code", "codeop"}
BETWEEN_PROCESSES = {"reader.py", "reader_child.py"}
"""Of services/mail/importing: a process of ours answers its own parent through a pipe that nobody else holds."""


def test_nothing_that_unpickles_is_imported_and_no_text_is_executed():
    """H24: what stands in the database is data: no module of ours can unpickle or evaluate it."""
    sources = sorted((ROOT / "jobrunner").rglob("*.py"))
    assert len(sources) > 100
    for path in sources:
        if path.parent.name == "importing" and path.name in BETWEEN_PROCESSES:
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            match node:
                case ast.Import(names=names):
                    imported = {name.name.partition(".")[0] for name in names}
                case ast.ImportFrom(module=str(module)):
                    imported = {module.partition(".")[0]}
                case ast.Call(func=ast.Name(id="eval" | "exec" | "compile" | "__import__" as name)):
                    pytest.fail(f"{path}:{node.lineno}: {name}()")
                case _:
                    continue
            assert not imported & EXECUTING, f"{path}:{node.lineno}"

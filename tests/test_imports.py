"""What is imported while other work goes on: whole, whoever asks for it at the same moment."""

import ast
import asyncio
import os
import sys
import threading
from collections.abc import Callable, Iterator
from importlib import import_module
from itertools import count
from pathlib import Path
from types import ModuleType

import pytest

import jobrunner
from jobrunner.imports import alone, imported, in_turn

PACKAGE = Path(jobrunner.__file__).parent

ONE_THREAD = {
    "__main__.py": "before anything else runs",
    "execution/child.py": "a process with one job",
    "services/mail/importing/reader_child.py": "a process that reads one mail at a time",
    "services/mail/templates/sandbox_child.py": "a process that renders one text at a time",
}
"""Where nobody else imports."""
IN_AN_IMPORT = {
    "definitions/data.py": "for a definition, which is made while its module is imported",
    "definitions/decorator.py": "for a definition",
    "queue/setting.py": "for the default of a setting (can_run_in_parallel)",
    "queue/carrier.py": "loaded, since there is a connection of it",
    "db/migrations.py": "loaded, since it runs a migration (run_sql_file)",
}
"""What may be imported without taking turns, besides what takes its turn there."""

numbers = count(1)


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A package and its part, of which each imports the other: in one thread that is well.

    The package goes on when another thread waits for it, in the midst of importing the part; or after a moment, where
    nobody does.
    """
    name = f"knot{os.getpid()}_{next(numbers)}"
    (tmp_path / name).mkdir()
    (tmp_path / name / "__init__.py").write_text(
        "import sys, time\n"
        "from importlib._bootstrap import _module_locks\n"
        "started = True\n"
        "begin = time.monotonic()\n"
        "while not _module_locks[__name__]().waiters:\n"
        "    if time.monotonic() - begin > (10 if __name__ + '.part' in sys.modules else 0.5):\n"
        "        break\n"
        "    time.sleep(0.001)\n"
        f"from {name}.part import THING\n"
    )
    (tmp_path / name / "part.py").write_text(f"from {name} import started\nTHING = 'whole'\n")
    monkeypatch.syspath_prepend(tmp_path)
    yield name
    for known in [known for known in sys.modules if known.partition(".")[0] == name]:
        del sys.modules[known]


async def begun(name: str) -> None:
    """Wait until a thread is in the midst of importing it."""
    async with asyncio.timeout(10):
        while not hasattr(sys.modules.get(name), "started"):
            await asyncio.sleep(0)


async def test_the_knot_is_one(package: str) -> None:
    """What Python makes of it without turns: the test of the two that follow."""
    first = asyncio.ensure_future(asyncio.to_thread(import_module, package))
    await begun(package)
    second = asyncio.ensure_future(asyncio.to_thread(import_module, f"{package}.part"))
    told = await asyncio.gather(first, second, return_exceptions=True)
    assert any(isinstance(one, ImportError) and "cannot import name" in str(one) for one in told)


async def test_two_that_need_each_other_are_imported_one_after_the_other(package: str) -> None:
    first = asyncio.ensure_future(imported(package))
    await begun(package)
    await imported(f"{package}.part")
    await first
    assert sys.modules[package].THING == sys.modules[f"{package}.part"].THING == "whole"


async def test_what_is_imported_without_await_takes_its_turn_too(package: str) -> None:
    first = asyncio.ensure_future(imported(package))
    await begun(package)
    with alone(f"{package}.part"):
        part = import_module(f"{package}.part")
    assert part.THING == "whole"
    await first
    async with asyncio.timeout(5):
        held = asyncio.Event()
        loop = asyncio.get_running_loop()
        go_on = asyncio.run_coroutine_threadsafe

        def hold() -> None:
            go_on(_set(held), loop).result(5)
            with alone(f"{package}.part"):  # it is there: nobody needs to wait
                pass

        await asyncio.gather(in_turn(hold), held.wait())
    with alone(f"{package}.part"):
        assert import_module(f"{package}.part") is part


async def _set(event: asyncio.Event) -> None:
    event.set()


async def test_a_fault_is_told_to_whoever_asked_and_costs_nobody_a_turn(package: str) -> None:
    with pytest.raises(ModuleNotFoundError):
        await imported(f"{package}_that_is_not")
    await imported(package)
    assert isinstance(sys.modules[package], ModuleType)


async def test_who_asks_in_a_forked_process_is_served(package: str) -> None:
    """The thread that imports stays behind in the parent."""
    await in_turn(lambda: None)

    def fork(work: Callable[[], None]) -> int:
        if (child := os.fork()) == 0:
            try:
                work()
                os._exit(0)
            finally:
                os._exit(1)
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

    def serve() -> None:
        async def ask() -> None:
            async with asyncio.timeout(10):
                await imported(package)

        asyncio.run(ask())

    assert await asyncio.to_thread(fork, serve) == 0


def test_what_is_imported_later_takes_its_turn() -> None:
    """In all that a daemon runs: after `await imported(…)` of the very modules, or in `with alone(…)` of them."""
    wrong: list[str] = []
    for path in sorted(PACKAGE.rglob("*.py")):
        place = path.relative_to(PACKAGE).as_posix()
        if not place.startswith("cli/") and place not in ONE_THREAD:
            looser = place in IN_AN_IMPORT
            wrong += [f"{place}:{line}: {module}" for line, module in _without_turn(path, looser)]
    assert wrong == []


def _without_turn(path: Path, looser: bool) -> Iterator[tuple[int, str]]:
    def look(node: ast.AST, within: bool, turns: frozenset[str]) -> Iterator[tuple[int, str]]:
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
                yield from look(child, True, frozenset(_named(child, "imported")))
            elif isinstance(child, ast.With):
                yield from look(child, within, turns | set(_named(child, "alone")))
            elif isinstance(child, ast.Import | ast.ImportFrom):
                if within and not looser:
                    yield from ((child.lineno, names[0]) for names in _modules(child) if not turns & set(names))
            elif not (isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING"):
                yield from look(child, within, turns)

    return look(ast.parse(path.read_text(encoding="utf-8")), False, frozenset())


def _modules(statement: ast.Import | ast.ImportFrom) -> list[tuple[str, ...]]:
    """For each name of the statement, the modules that it may mean."""
    if isinstance(statement, ast.Import):
        return [(name.name,) for name in statement.names]
    return [(str(statement.module), f"{statement.module}.{name.name}") for name in statement.names]


def _named(block: ast.AST, function: str) -> Iterator[str]:
    """The modules that calls of a function within a block name."""
    for node in ast.walk(block):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == function:
            yield from (str(one.value) for one in node.args if isinstance(one, ast.Constant))


async def test_one_that_hangs_is_given_up_and_others_are_imported(package: str) -> None:
    let_go = threading.Event()
    try:
        with pytest.raises(TimeoutError, match=r"not imported within 0\.1 s"):
            await in_turn(lambda: let_go.wait(60), limit=0.1)
        await imported(package)
        with alone(f"{package}.part"):
            assert import_module(f"{package}.part").THING == "whole"
    finally:
        let_go.set()


async def test_what_cannot_await_goes_ahead_when_its_turn_does_not_come(
    package: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("jobrunner.imports.TURN_LIMIT", 0.05)
    let_go, held = threading.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    def hold() -> None:
        loop.call_soon_threadsafe(held.set)
        let_go.wait(60)

    other = asyncio.ensure_future(in_turn(hold))
    await held.wait()
    try:
        with alone(package):
            assert import_module(package).THING == "whole"
    finally:
        let_go.set()
        await other

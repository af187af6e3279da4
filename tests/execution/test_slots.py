import asyncio
import base64
import contextlib
import gc
import os
import pickle
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import psutil
import pytest

from jobrunner.errors import InvalidJobData, JobrunnerError
from jobrunner.execution import slot as slot_module
from jobrunner.execution.loglines import LogLine
from jobrunner.execution.slots import ProcessSlots, SlotResult, SlotsStopped
from tests.execution import slot_jobs

JOBS = slot_jobs.__name__
LIMIT = 20.0
BUSY = 5.0
"""Seconds that what happens at once may take on a busy machine."""
"""Seconds after which a test has failed that waits for an event."""


@dataclass
class Run:
    """One run with all that is heard of it."""

    task: asyncio.Task[SlotResult]
    lines: list[LogLine] = field(default_factory=list)
    progress: list[tuple[float, str | None]] = field(default_factory=list)
    begun: asyncio.Event = field(default_factory=asyncio.Event)
    """Set by the job's first word on its progress, which is its process id."""
    batches: int = 0

    @property
    def pid(self) -> int:
        return int(self.progress[0][1] or 0)

    @property
    def messages(self) -> list[str]:
        return [line.message for line in self.lines]


def start(slots: ProcessSlots, name: str, *, deadline: float | None = None, context=None, **arguments) -> Run:
    run: Run

    def on_log(lines):
        run.lines += lines
        run.batches += 1

    def on_progress(fraction, message):
        run.progress.append((fraction, message))
        run.begun.set()

    run = Run(
        asyncio.create_task(
            slots.run(
                JOBS,
                name,
                arguments,
                context or {},
                deadline=deadline,
                on_log=on_log,
                on_progress=on_progress,
            )
        )
    )
    return run


async def run(slots: ProcessSlots, name: str, **options) -> SlotResult:
    return await start(slots, name, **options).task


async def begun(run: Run) -> Run:
    async with asyncio.timeout(LIMIT):
        await run.begun.wait()
    return run


@asynccontextmanager
async def opened(count: int, preload: tuple[str, ...] = (JOBS,)) -> AsyncIterator[ProcessSlots]:
    slots = ProcessSlots(count, preload)
    await slots.start()
    try:
        yield slots
    finally:
        await slots.stop()


@pytest.fixture
async def slots() -> AsyncIterator[ProcessSlots]:
    async with opened(2) as slots:
        yield slots


@pytest.fixture
async def one() -> AsyncIterator[ProcessSlots]:
    async with opened(1) as slots:
        yield slots


async def until(condition: Callable[[], object], what: str | Callable[[], str], limit: float = LIMIT) -> None:
    """Look at what tells no event: other processes."""
    try:
        async with asyncio.timeout(limit):
            while not condition():
                await asyncio.sleep(0.005)
    except TimeoutError:
        pytest.fail(f"not within {limit:g} s: {what() if callable(what) else what}")


def lives(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


async def gone(*pids: int, limit: float = 1.0) -> None:
    assert pids
    await until(
        lambda: not any(map(lives, pids)), lambda: f"the end of {[psutil.Process(p) for p in pids if lives(p)]}", limit
    )


def descendants() -> set[psutil.Process]:
    """Processes that this one started, but those of the tests' server, which has one for each connection of others."""
    found = set()
    for process in psutil.Process().children(recursive=True):
        with contextlib.suppress(psutil.NoSuchProcess):
            if process.name() != "postgres":
                found.add(process)
    return found


def family(file: Path) -> list[int]:
    pids = [int(pid) for pid in file.read_text().split()]
    assert pids
    return pids


class Lag:
    """The longest time for which the event loop did not turn."""

    def __init__(self) -> None:
        self.longest = 0.0
        """By the clock: longer on a busy machine, and where the loop waits for something."""
        self.busiest = 0.0
        """In processor time of its thread: what the loop was kept busy with."""

    async def __aenter__(self) -> "Lag":
        self._task = asyncio.create_task(self._measure())
        await asyncio.sleep(0)
        return self

    async def __aexit__(self, *error: object) -> None:
        self._task.cancel()
        await asyncio.wait([self._task])

    async def _measure(self) -> None:
        while True:
            before, busy_before = time.perf_counter(), time.thread_time()
            await asyncio.sleep(0.001)
            self.longest = max(self.longest, time.perf_counter() - before)
            self.busiest = max(self.busiest, time.thread_time() - busy_before)


# What a job gets and gives


async def test_a_job_gets_its_arguments_and_gives_its_result(slots):
    assert await run(slots, "add", a=[1, "ü"], b=[None]) == SlotResult("success", value=[1, "ü", None])
    assert (await run(slots, "nothing")).value is None


async def test_a_definition_s_data_is_validated_by_its_annotations(slots):
    result = await run(slots, "defined", when="2026-11-24T12:00:00Z")
    assert result.value == "2026 2 datetime"
    result = await run(slots, "defined", when="tomorrow")
    assert result.outcome == "error"
    assert "SlotDefined: 'when'" in result.error


async def test_the_context_tells_the_job_what_it_is_about(slots):
    context = {
        "job_id": 2**40,
        "name": "Told",
        "attempt": 2,
        "max_attempts": 3,
        "target_type": "account",
        "target_id": "7",
        "data": {"extra": "x"},
        "firing": "2026-11-24T12:00:00+00:00",
    }
    result = await run(slots, "told", context=context, extra="x")
    expected = {**context, "target": ["account", "7"], "cancelled": False, "extra": "x"}
    assert result.value == expected
    assert result.more
    assert not (await run(slots, "nothing")).more


async def test_what_a_blocking_job_cannot_have_is_said(slots):
    assert "a blocking job has no connection" in (await run(slots, "wants_connection")).error
    assert "must be `async def`" in (await run(slots, "is_async")).error
    assert "has no missing" in (await run(slots, "missing")).error


async def test_arguments_that_are_no_json_are_refused_before_anything_runs(slots):
    for value in ({1}, float("nan"), object()):
        with pytest.raises(InvalidJobData, match="cannot be written as JSON"):
            await run(slots, "echo", value=value)
    assert slots.free == 2


async def test_pickled_data_stays_text(slots):
    """H24: what comes from the database is never unpickled."""
    text = base64.b64encode(pickle.dumps(os.system)).decode()
    assert (await run(slots, "echo", value=text)).value == text


async def test_a_job_in_the_main_module_is_refused_with_the_reason(slots):
    result = await slots.run("__main__", "f", {}, {}, deadline=None, on_log=print, on_progress=print)
    assert "move it into a module of its own" in result.error


async def test_a_module_that_cannot_be_imported_is_named(slots):
    """H24"""
    result = await slots.run("tests.no_such_module", "f", {}, {}, deadline=None, on_log=print, on_progress=print)
    assert result.error == "ModuleNotFoundError: No module named 'tests.no_such_module'"


async def test_a_process_is_clean_for_the_next_job(one, tmp_path):
    before = (await run(one, "where")).value
    await run(one, "wander", folder=str(tmp_path))
    second = start(one, "speak", context={"name": "N"})
    await second.task
    assert "printed" in second.messages
    assert "logged 7" in second.messages
    assert (await run(one, "where")).value == before
    assert before["group"] == before["pid"]
    assert before["threads"] == 1  # so that a job may fork


# Errors and results (F42)


async def test_errors_come_as_text_never_pickled(one):
    """F42: an exception that does not unpickle would break the pool."""
    pid = (await run(one, "where")).value["pid"]
    result = await run(one, "quarrel")
    assert result.outcome == "error"
    assert result.error == f"{JOBS}.Quarrelsome: one and other"
    assert 'raise Quarrelsome("one", "other")' in result.traceback
    assert "child.py" not in result.traceback
    assert (await run(one, "raise_unpicklable")).error == "ValueError: holds a lock"
    assert "its text cannot be had" in (await run(one, "speechless")).error
    assert (await run(one, "leave_interpreter")).error == "SystemExit: 3"
    assert (await run(one, "where")).value["pid"] == pid


async def test_a_long_error_keeps_head_and_tail(slots):
    """F42"""
    result = await run(slots, "fail_loudly", size=1_000_000)
    assert len(result.error) <= 8192
    assert len(result.traceback) <= 32768
    for text in (result.error, result.traceback):
        assert "characters left out" in text
        assert text.rstrip().endswith("END")
    assert result.error.startswith("ValueError: xxx")
    assert result.traceback.startswith("Traceback")


@pytest.mark.parametrize(
    ("name", "arguments", "reason"),
    [
        ("return_object", {}, "lock is not JSON serializable"),
        ("return_odd", {"kind": "nan"}, "not JSON compliant"),
        ("return_odd", {"kind": "set"}, "set is not JSON serializable"),
        ("return_odd", {"kind": "integer"}, "4300"),
        ("return_deep", {"depth": 500}, "nested more than 200 deep"),
        ("return_deep", {"depth": 100_000}, "nested more than 200 deep"),
    ],
)
async def test_in_place_of_a_result_that_is_no_json_a_note_says_so(slots, name, arguments, reason):
    """F42: the work is done, and is not done again."""
    result = await run(slots, name, **arguments)
    assert result.outcome == "success"
    assert list(result.value) == ["note"]
    assert result.value["note"].startswith("the job's result cannot be kept as JSON: ")
    assert reason in result.value["note"]


async def test_a_result_that_postgresql_cannot_hold_is_made_so_that_it_can(slots):
    assert (await run(slots, "return_odd", kind="nul")).value == ["a�b", "a\\u0000b", "\\�"]
    assert (await run(slots, "return_odd", kind="surrogate")).value == "a�b"
    assert (await run(slots, "return_odd", kind="keys")).value == {"1": "one", "null": "none"}


async def test_a_large_result_is_replaced_by_a_note(slots):
    """F42: 100 MB never reach the daemon."""
    async with Lag() as lag:
        result = await run(slots, "return_large", size=100_000_000)
    assert result.outcome == "success"
    assert "100,000,002 bytes" in result.value["note"]
    assert result.value["beginning"].startswith('"xxx')
    assert lag.busiest < 0.05
    assert (await run(slots, "return_large", size=65_000)).value == "x" * 65_000


# Processes that die (F08, F39)


@pytest.mark.parametrize(
    ("name", "arguments", "description"),
    [
        ("segfault", {}, "its process ended with signal 11 (SIGSEGV)"),
        ("leave", {"code": 9}, "its process ended with exit code 9"),
        ("leave", {"code": 255}, "its process ended with exit code 255"),
        ("leave", {"code": 0}, "its process ended with exit code 0"),
        (
            "killed_by_the_system",
            {},
            "its process ended with signal 9 (SIGKILL), as the system does when memory runs out",
        ),
    ],
)
async def test_a_poison_job_is_told_apart_and_harms_nobody(slots, name, arguments, description):
    """F08: whatever ends the process, three times over, neighbours go on and slots come back."""

    async def good() -> None:
        for _ in range(30):
            assert (await run(slots, "add", a=1, b=1)).value == 2

    neighbour = asyncio.create_task(good())
    for _ in range(3):
        result = await run(slots, name, **arguments)
        assert result.outcome == "died"
        assert result.exit_description == description
    await neighbour
    assert slots.free == 2


async def test_a_job_that_exhausts_its_memory_fails_and_its_process_is_renewed(one):
    """F08"""
    pid = (await run(one, "where")).value["pid"]
    result = await run(one, "exhaust_memory")
    assert result.outcome in ("error", "died")
    if result.outcome == "error":
        assert result.error.startswith("MemoryError")
    assert (await run(one, "where")).value["pid"] != pid


async def test_a_crash_says_where_and_keeps_the_last_words(slots):
    crashing = start(slots, "segfault", words="last words")
    result = await crashing.task
    assert "Segmentation fault" in result.traceback
    assert "slot_jobs.py" in result.traceback
    assert "in segfault" in result.traceback
    assert {"last words", "raw last words"} <= set(crashing.messages)


async def test_one_process_dies_and_only_its_job_fails(tmp_path):
    """F39: the standard pool fails all its futures."""
    async with opened(4) as slots:
        file = tmp_path / "go"
        others = [await begun(start(slots, "wait_for_file", file=str(file))) for _ in range(3)]
        assert (await run(slots, "leave", code=9)).outcome == "died"
        assert not any(other.task.done() for other in others)
        file.touch()
        results = [await other.task for other in others]
    assert [result.outcome for result in results] == ["success"] * 3
    assert [result.value for result in results] == [other.pid for other in others]


@pytest.mark.parametrize("name", ["leave_family_behind", "leave_hidden_behind"])
async def test_what_a_dead_job_had_started_dies_too(slots, tmp_path, name):
    file = tmp_path / "family"
    result = await run(slots, name, file=str(file))
    assert result.exit_description == "its process ended with exit code 1"
    await gone(*family(file))


async def test_an_idle_process_that_ends_is_replaced(one):
    pid = (await run(one, "where")).value["pid"]
    os.kill(pid, signal.SIGKILL)
    second = start(one, "begun")
    await second.task
    assert second.pid != pid
    assert len(second.progress) == 1
    new = (await run(one, "where")).value["pid"]
    os.kill(new, signal.SIGKILL)
    await until(lambda: one.renewed == 2, "the second renewal, without any job")


async def test_the_fork_server_is_replaced_when_it_dies(slots):
    running = await begun(start(slots, "sleep_for_ever"))
    server = psutil.Process(running.pid).ppid()
    os.kill(server, signal.SIGKILL)
    result = await running.task
    assert result.outcome == "died"
    assert result.exit_description == "its process was lost together with the fork server"
    await gone(running.pid)
    assert (await run(slots, "add", a=1, b=1)).value == 2
    assert (await run(slots, "where")).value["pid"] != running.pid


# Deadline and cancellation (F40)


async def timed_out(slots: ProcessSlots, name: str, deadline: float, **arguments) -> tuple[SlotResult, Run]:
    """Run a job into its deadline, beside one that is not to notice; the process is to be gone at once."""
    neighbour = start(slots, "wait_for_file", file=arguments.pop("go", "/proc/self/stat"))
    stuck = await begun(start(slots, name, deadline=deadline, **arguments))
    began = time.monotonic()
    result = await stuck.task
    assert time.monotonic() - began < deadline + BUSY
    await gone(stuck.pid, limit=BUSY)
    assert (await neighbour.task).outcome == "success"
    return result, stuck


@pytest.mark.parametrize("name", ["sleep_for_ever", "stuck_in_c"])
async def test_a_job_past_its_deadline_is_dead_within_a_second(slots, name):
    """F40: also one that holds the interpreter lock; the result says where it was."""
    result, _ = await timed_out(slots, name, 0.5)
    assert result.outcome == "timeout"
    assert result.error == "it did not end within its deadline of 0.5 s"
    assert f"in {name}" in result.traceback
    assert slots.free == 2


@pytest.mark.parametrize("name", ["wait_for_family", "hide"])
async def test_its_descendants_die_with_it(slots, tmp_path, name):
    """F40: a `sleep` child, one in a session of its own, a shell that ignores signals, orphans of these kinds."""
    file = tmp_path / "family"
    result, _ = await timed_out(slots, name, 1.5, file=str(file))
    assert result.outcome == "timeout"
    await gone(*family(file))


async def test_a_job_within_its_deadline_is_left_alone(slots):
    assert await run(slots, "add", a=1, b=2, deadline=30) == SlotResult("success", value=3)


@pytest.mark.parametrize("name", ["sleep_for_ever", "stuck_in_c"])
async def test_cancelled_a_job_s_process_is_dead_before_the_cancellation_is_raised(one, name):
    running = await begun(start(one, name))
    began = time.monotonic()
    running.task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running.task
    assert not lives(running.pid)
    assert time.monotonic() - began < BUSY
    assert (await run(one, "where")).value["pid"] != running.pid


async def test_cancelled_its_descendants_are_dead_too(slots, tmp_path):
    file = tmp_path / "family"
    running = await begun(start(slots, "wait_for_family", file=str(file)))
    running.task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running.task
    await gone(*family(file), limit=BUSY)


async def test_cancelled_at_any_turn_of_the_loop_no_slot_is_lost(one):
    """F38: at each offset; while it waits, as it begins, as it ends."""
    for offset in range(40):
        runs = [start(one, "nothing"), start(one, "nothing")]
        for _ in range(offset):
            await asyncio.sleep(0)
        if offset % 4 == 3:
            await asyncio.wait([runs[0].task])  # the second one is taken just now
        for each in runs:
            each.task.cancel()
        await asyncio.wait([each.task for each in runs])
    assert one.free == 1
    assert (await run(one, "add", a=1, b=2)).value == 3


async def test_cancelled_while_it_waits_for_a_slot_it_leaves_the_queue(one, tmp_path):
    first = await begun(start(one, "wait_for_file", file=str(tmp_path / "go")))
    second = start(one, "begun")
    third = start(one, "add", a=2, b=2)
    await asyncio.sleep(0)
    second.task.cancel()
    await asyncio.wait([second.task])
    (tmp_path / "go").touch()
    assert (await third.task).value == 4
    assert (await first.task).outcome == "success"
    assert not second.begun.is_set()


async def test_processes_that_a_job_leaves_running_are_ended_and_the_log_says_so(slots, tmp_path):
    run = start(slots, "leave_a_child", file=str(tmp_path / "pid"))
    assert (await run.task).value == "done"
    assert run.messages == ["1 processes that the job had started and left running were ended"]
    await gone(*family(tmp_path / "pid"))


# Log and progress


async def test_what_a_job_prints_and_logs_is_its_log(slots):
    run = start(slots, "speak", context={"name": "Speak"})
    before = time.time()
    await run.task
    said = [(line.logger, line.level, line.message) for line in run.lines]
    assert said[:8] == [
        ("stdout", 20, "printed"),
        ("stdout", 20, "on two "),
        ("stdout", 20, "20 %"),
        ("stderr", 30, "to stderr"),
        ("stdout", 20, "bytes ü"),
        ("jobrunner.job.Speak", 30, "logged 7"),
        ("library", 20, "a library's"),
        said[7],
    ]
    assert said[7][0:2] == ("jobrunner.job.Speak", 40)
    assert said[7][2].startswith("with traceback\nTraceback")
    assert said[7][2].endswith("ValueError: handled")
    assert ("stderr", 30, "Message: '%d and %d'") in said
    assert said[-1] == ("stdout", 20, "left open")
    assert all(before - 1 < line.at < time.time() + 1 for line in run.lines)
    assert [line.at for line in run.lines] == sorted(line.at for line in run.lines)


async def test_what_comes_from_outside_python_is_in_the_log_too(slots):
    run = start(slots, "speak_from_outside")
    result = await run.task
    assert result.outcome == "success", result
    assert [line.message for line in run.lines if line.logger == "output"] == [
        "from a program",
        "to its stderr",
        "raw",
        "plain",
        "from a fork",
        "logged in a fork",
    ]


async def test_lines_are_streamed_while_the_job_runs(slots):
    run = start(slots, "print_for_ever")
    await begun(run)
    await until(lambda: run.lines, "the first line")
    assert not run.task.done()
    run.task.cancel()
    await asyncio.wait([run.task])


async def test_up_to_two_thousand_lines_all_are_kept(slots):
    run = start(slots, "print_lines", count=2000)
    await run.task
    assert run.messages == [f"line {number}" for number in range(2000)]


async def test_of_more_lines_the_oldest_and_newest_are_kept_and_the_rest_counted(slots):
    """F42"""
    run = start(slots, "print_lines", count=50_000)
    await run.task
    assert run.messages[:1000] == [f"line {number}" for number in range(1000)]
    assert run.messages[1000] == "… 48,000 lines left out here …"
    assert run.messages[1001:] == [f"line {number}" for number in range(49_000, 50_000)]


@pytest.mark.parametrize("name", ["print_for_ever", "output_for_ever"])
async def test_a_job_that_prints_without_end_holds_up_nothing(slots, name):
    """F42: neither the loop nor the daemon's memory; its log has caps."""
    gc.collect()
    memory = psutil.Process().memory_info().rss
    run = await begun(start(slots, name))
    child = psutil.Process(run.pid)
    async with Lag() as lag:
        for _ in range(50):
            assert (await slots.run(JOBS, "nothing", {}, {}, deadline=None, on_log=print, on_progress=print)).outcome
            await asyncio.sleep(0.02)
        heavy = child.memory_info().rss
        run.task.cancel()
        await asyncio.wait([run.task])
    assert lag.busiest < 0.05
    assert len(run.lines) <= 2001
    assert run.batches < 40
    assert "lines left out" in run.messages[1000]
    assert heavy < 100 << 20
    assert psutil.Process().memory_info().rss - memory < 30 << 20


async def test_a_long_line_keeps_head_and_tail(slots):
    run = start(slots, "print_without_break", size=1_000_000)
    await run.task
    assert len(run.lines) == 1
    assert len(run.messages[0]) == 4096
    assert "characters left out" in run.messages[0]


async def test_progress_is_told_the_latest_at_least(slots):
    run = start(slots, "progress", count=100_000)
    await run.task
    assert run.progress[-1] == (1.0, None)
    assert len(run.progress) < 60
    assert [fraction for fraction, _ in run.progress] == sorted(fraction for fraction, _ in run.progress)


async def test_progress_means_the_same_as_in_a_coroutine(slots):
    """What no share can be fails nobody."""
    run = start(slots, "odd_progress")
    assert (await run.task).outcome == "success"
    assert run.progress[-1] == (0.0, "at last")


async def test_a_listener_that_fails_harms_nobody(slots, caplog):
    def fail(*_):
        raise RuntimeError("no")

    result = await slots.run(JOBS, "speak", {}, {}, deadline=None, on_log=fail, on_progress=fail)
    assert result.outcome == "success"
    assert "could not be taken" in caplog.text


# What a process has (F41)


async def test_a_process_has_no_socket_and_nothing_of_the_daemon(slots):
    """F41: descriptors of the daemon do not reach a slot, nor those of a slot a program that a job starts."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.set_inheritable(True)
        client = socket.create_connection(server.getsockname())
        client.set_inheritable(True)
        slots.resize(3)  # one is opened now
        for _ in range(6):
            found = (await run(slots, "descriptors")).value
            names = sorted(name.partition(":")[0] for name in found["own"].values())
            assert found["sockets"] == []
            assert set(names) <= {"pipe", "/dev/null", "/memfd"}, found
            assert set(found["inherited"]) == {"0", "1", "2", "3"}  # the last is the listing itself
        client.close()


async def test_the_terminal_s_interrupt_does_not_reach_a_job(slots, tmp_path):
    """F41: neither by the group, since a slot has one of its own, nor by itself."""
    file = tmp_path / "go"
    running = await begun(start(slots, "ignores_interrupt", file=str(file)))
    server = psutil.Process(running.pid).ppid()
    assert os.getpgid(running.pid) == running.pid
    os.kill(running.pid, signal.SIGINT)
    for number in (signal.SIGINT, signal.SIGTERM):
        os.kill(server, number)
    slots.resize(4)
    assert (await run(slots, "add", a=1, b=1)).value == 2
    file.touch()
    assert (await running.task).value == "still here"
    assert lives(server)


async def test_a_process_is_ended_by_a_terminate_signal(slots):
    running = await begun(start(slots, "sleep_for_ever"))
    os.kill(running.pid, signal.SIGTERM)
    assert (await running.task).exit_description == "its process ended with signal 15 (SIGTERM)"


# Number of slots


async def test_runs_are_served_in_order_by_as_many_slots_as_there_are(tmp_path):
    async with opened(2) as slots:
        assert slots.free == 2
        files = [tmp_path / str(number) for number in range(4)]
        runs = [start(slots, "wait_for_file", file=str(file)) for file in files]
        await begun(runs[0])
        await begun(runs[1])
        assert slots.free == 0
        assert [run.begun.is_set() for run in runs] == [True, True, False, False]
        files[1].touch()
        await begun(runs[2])
        assert [run.begun.is_set() for run in runs] == [True, True, True, False]
        for file in files:
            file.touch()
        assert len({(await run.task).value for run in runs}) == 2
        assert slots.free == 2


async def test_more_slots_are_there_at_once(tmp_path):
    async with opened(1) as slots:
        file = tmp_path / "go"
        runs = [start(slots, "wait_for_file", file=str(file)) for _ in range(4)]
        await begun(runs[0])
        slots.resize(4)
        for run in runs:
            await begun(run)
        file.touch()
        assert len({(await run.task).value for run in runs}) == 4


async def test_fewer_slots_are_left_as_they_become_free(tmp_path):
    async with opened(3) as slots:
        files = [tmp_path / str(number) for number in range(3)]
        runs = [await begun(start(slots, "wait_for_file", file=str(file))) for file in files]
        slots.resize(1)
        assert slots.free == 0
        waiting = start(slots, "begun")
        for file, run in zip(files[:2], runs[:2], strict=True):
            file.touch()
            await run.task
        await gone(runs[0].pid, runs[1].pid)
        assert not waiting.begun.is_set()
        files[2].touch()
        await runs[2].task
        await waiting.task
        assert waiting.pid == runs[2].pid
        with pytest.raises(ValueError, match="positive"):
            slots.resize(0)


async def test_resized_again_and_again_the_number_is_right_in_the_end(slots):
    runs = []
    for count in (5, 1, 4, 2, 6, 3):
        slots.resize(count)
        runs += [start(slots, "add", a=1, b=1) for _ in range(5)]
        await asyncio.sleep(0.01)
    assert [(await run.task).value for run in runs] == [2] * 30
    assert slots.free == 3
    server = psutil.Process(psutil.Process(await run_where(slots)).ppid())
    await until(lambda: len(server.children()) == 3, "three processes")


async def run_where(slots: ProcessSlots) -> int:
    pid: int = (await run(slots, "where")).value["pid"]
    return pid


# Start and stop


async def test_stopped_nothing_is_left(tmp_path):
    """Neither processes nor threads nor descriptors, whatever ran; runs end with an error that is not the job's."""
    # What Python itself keeps once it was used: the tracker of semaphores.
    async with opened(1):
        pass
    gc.collect()
    gc.disable()  # descriptors are closed, not found by the collector
    try:
        descriptors = set(os.listdir("/proc/self/fd"))
        threads = set(threading.enumerate())
        processes = descendants()
        slots = ProcessSlots(3, [JOBS])
        await slots.start()
        file = tmp_path / "family"
        stuck = await begun(start(slots, "stuck_in_c"))
        parent = await begun(start(slots, "wait_for_family", file=str(file)))
        busy = await begun(start(slots, "sleep_for_ever"))
        waiting = start(slots, "nothing")
        await asyncio.sleep(0)
        slots.resize(5)  # two are just being opened
        began = time.monotonic()
        await slots.stop()
        assert time.monotonic() - began < BUSY
        for run in (stuck, parent, busy, waiting):
            with pytest.raises(SlotsStopped):
                await run.task
        assert slots.free == 0
        assert descendants() <= processes
        assert not any(map(lives, [stuck.pid, parent.pid, busy.pid, *family(file)]))
        assert set(threading.enumerate()) == threads
        assert set(os.listdir("/proc/self/fd")) == descriptors
    finally:
        gc.enable()


async def test_stopped_and_started_again_it_works():
    slots = ProcessSlots(1)
    with pytest.raises(SlotsStopped):
        await run(slots, "nothing")
    await slots.stop()
    for _ in range(2):
        await slots.start()
        assert (await run(slots, "add", a=1, b=1)).value == 2
        await slots.stop()
    with pytest.raises(SlotsStopped):
        await run(slots, "nothing")


async def test_stopped_at_any_moment_of_its_start_nothing_is_left():
    for pause in (0.0, 0.001, 0.01, 0.05, 0.1, 0.2, 0.3, 0.4):
        slots = ProcessSlots(2)
        starting = asyncio.create_task(slots.start())
        await asyncio.sleep(pause)
        await slots.stop()
        await asyncio.wait([starting])
        starting.exception()


async def test_the_event_loop_is_not_held_up_by_the_start(tmp_path, monkeypatch):
    """Neither by work nor by waiting for the fork server, whose imports take two seconds."""
    (tmp_path / "slot_module_slow.py").write_text("import time; time.sleep(2)")
    monkeypatch.syspath_prepend(str(tmp_path))
    async with Lag() as lag:
        slots = ProcessSlots(4, ["jobrunner.definitions", "pydantic", JOBS, "slot_module_slow"])
        await slots.start()
        await run(slots, "nothing")
        await slots.stop()
    assert lag.busiest < 0.05
    assert lag.longest < 1.5


async def test_modules_that_fail_to_be_imported_ahead_are_named_and_others_are(tmp_path, capfd, monkeypatch):
    """H24"""
    (tmp_path / "slot_module_raises.py").write_text("raise KeyError('at import')")
    (tmp_path / "slot_module_exits.py").write_text("import sys; sys.exit(1)")
    (tmp_path / "slot_module_good.py").write_text("import os\nby = os.getpid()\nprint('loud')\ndef who(): return by")
    monkeypatch.syspath_prepend(str(tmp_path))
    async with opened(1, ("slot_module_raises", "slot_module_exits", "slot_module_good", "slot_no_module")) as slots:
        options = {"deadline": None, "on_log": print, "on_progress": print}
        by = (await slots.run("slot_module_good", "who", {}, {}, **options)).value
        assert by == psutil.Process(await run_where(slots)).ppid()  # the fork server
        result = await slots.run("slot_module_raises", "f", {}, {}, **options)
        assert result.error == "KeyError: 'at import'"
    out, err = capfd.readouterr()
    assert out == ""
    assert "slot_module_raises is not imported ahead (KeyError: 'at import')" in err
    assert "slot_module_exits is not imported ahead (SystemExit: 1)" in err
    assert "slot_no_module is not imported ahead (ModuleNotFoundError" in err


async def test_a_fork_server_that_hangs_ends_the_start_with_a_sentence(tmp_path, monkeypatch):
    (tmp_path / "slot_module_stuck.py").write_text("import re\nre.match(r'(a+)+$', 'a' * 64 + 'b')")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(slot_module, "START_LIMIT", 1.0)
    slots = ProcessSlots(1, ["slot_module_stuck"])
    with pytest.raises(JobrunnerError, match="did not start within 1 s"):
        await slots.start()


async def test_who_waits_is_told_when_no_process_can_be_started(one, monkeypatch):

    def fail(self: object) -> bool:
        raise JobrunnerError("a process for blocking jobs could not be started: none left")

    monkeypatch.setattr(slot_module.Slot, "open", fail)
    assert (await run(one, "leave", code=1)).outcome == "died"
    with pytest.raises(JobrunnerError, match="none left"):
        await run(one, "nothing")
    monkeypatch.undo()
    async with asyncio.timeout(LIMIT):
        assert (await run(one, "add", a=1, b=1)).value == 2


# Daemons that are killed, and main modules (F45)


def daemon(folder: Path) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "tests.execution.slot_daemon", str(folder)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2])


async def all_run(process: "subprocess.Popen[str]") -> list[int]:
    """Wait until all of its jobs run; return its descendants."""
    assert process.stdout is not None
    lines = []
    while "all run\n" not in lines:
        line = await asyncio.to_thread(process.stdout.readline)
        assert line, lines
        lines.append(line)
    assert lines.count("main module runs\n") == 1
    return [child.pid for child in psutil.Process(process.pid).children(recursive=True)]


@pytest.mark.parametrize("fork_server", ["lives", "is killed first"])
async def test_when_the_daemon_is_killed_everything_ends(tmp_path, fork_server):
    """F45: idle, sleeping and stuck processes, what they started, the fork server, within five seconds.

    Two things see to it, each by itself: the fork server, and the kernel where that is dead as well.
    """
    process = daemon(tmp_path)
    pids = await all_run(process)
    known = [psutil.Process(pid) for pid in pids]
    try:
        started = {*family(tmp_path / "family"), *family(tmp_path / "hidden")}
        assert len(pids) >= 12
        assert started <= set(pids)
        escaped: set[int] = set()
        if fork_server == "is killed first":
            server = next(pid for pid in pids if len(psutil.Process(pid).children()) >= 5)
            session = os.getsid(process.pid)
            escaped = {p.pid for p in known if os.getsid(p.pid) != session or "tracker" in " ".join(p.cmdline())}
            assert len(escaped) == 5  # only the fork server could find these; the tracker waits for them
            os.kill(process.pid, signal.SIGSTOP)
            os.kill(server, signal.SIGKILL)
        process.kill()
        began = time.monotonic()
        await gone(*set(pids) - escaped, limit=5)
        print(f"all gone after {time.monotonic() - began:.3f} s")
    finally:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()
        for each in known:
            if each.is_running():
                each.kill()


async def test_a_daemon_that_ends_without_stopping_its_slots_ends_all_the_same(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        f"""
import asyncio, sys
from jobrunner.execution.slots import ProcessSlots

async def main():
    slots = ProcessSlots(1)
    await slots.start()
    begun = asyncio.Event()
    task = asyncio.ensure_future(slots.run({JOBS!r}, "stuck_in_c", {{}}, {{}}, deadline=None, on_log=print,
                                           on_progress=lambda *_: begun.set()))
    await begun.wait()
    print("main", flush=True)
    raise KeyError("gone wrong")

asyncio.get_event_loop_policy().new_event_loop().run_until_complete(main())
"""
    )
    process = subprocess.run(
        [sys.executable, str(script)],
        capture_output=True,
        text=True,
        timeout=30,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    assert process.returncode == 1
    assert process.stdout == "main\n"
    assert "gone wrong" in process.stderr


@pytest.mark.parametrize("way", ["script", "module", "package", "stdin", "command"])
async def test_the_main_module_is_not_run_again_in_the_processes(tmp_path, way):
    """Also without a guard for `__main__`, however Python was started, and from any folder."""
    source = f"""
import asyncio
from jobrunner.execution.slots import ProcessSlots
print("main module")
async def main():
    slots = ProcessSlots(2)
    await slots.start()
    result = await slots.run({JOBS!r}, "add", {{"a": 1, "b": 2}}, {{}}, deadline=None, on_log=print, on_progress=print)
    print(result.value, result.error)
    await slots.stop()
asyncio.run(main())
"""
    (tmp_path / "package").mkdir()
    (tmp_path / "package" / "__main__.py").write_text(source)
    (tmp_path / "plain.py").write_text(source)
    command, text = {
        "script": (["plain.py"], None),
        "module": (["-m", "plain"], None),
        "package": (["-m", "package"], None),
        "stdin": (["-"], source),
        "command": (["-c", source], None),
    }[way]
    process = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, *command],
        input=text,
        capture_output=True,
        text=True,
        timeout=30,
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    )
    assert process.stdout == "main module\n3 None\n", process.stderr
    assert process.stderr == ""


async def test_the_daemon_s_own_environment_and_path_reach_a_job(tmp_path, monkeypatch):
    monkeypatch.delenv("PYTHONPATH", raising=False)
    (tmp_path / "slot_module_env.py").write_text(
        "import os\ndef names(): return sorted(n for n in os.environ if n.startswith(('PYTHONPATH', '_JOBRUNNER')))"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    async with opened(1, ()) as slots:
        result = await slots.run("slot_module_env", "names", {}, {}, deadline=None, on_log=print, on_progress=print)
    assert result.value == ["_JOBRUNNER_SLOT"]
    assert "_JOBRUNNER_FORK_SERVER" not in os.environ

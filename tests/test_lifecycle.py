import asyncio
import contextlib
import logging
import random
from collections.abc import Awaitable, Callable

import pytest

from jobrunner.errors import JobrunnerError, LimitExceeded
from jobrunner.lifecycle import Group, Loop, Service, StoppedWhileStarting, cancel


async def turns(count: int) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


class Taker(Service):
    """Takes three things, one after another, and gives them back in as many steps."""

    def __init__(self, name: str = "taker", fails_at: int | None = None, journal: list[str] | None = None) -> None:
        super().__init__(name)
        self.fails_at = fails_at
        self.held: list[int] = []
        self.journal = journal if journal is not None else []

    async def _start(self) -> None:
        assert self.held == []
        for number in range(3):
            await turns(2)
            if number == self.fails_at:
                raise OSError("no more to take")
            self.held.append(number)
        self.journal.append(f"+{self.name}")

    async def _stop(self) -> None:
        while self.held:
            await turns(1)
            self.held.pop()
        self.journal.append(f"-{self.name}")


class Counter(Loop):
    """Does `work` in each pass, and tells."""

    backoff = (0.0, 0.0)

    def __init__(
        self,
        work: Callable[[int], Awaitable[None]] | None = None,
        *,
        interval: float | None = None,
        grace: float = 0.0,
    ) -> None:
        super().__init__("counter", interval=interval, grace=grace)
        self.work = work
        self.begun = 0
        self.in_pass = False
        self.began = asyncio.Event()

    async def once(self) -> None:
        self.begun += 1
        self.in_pass = True
        self.began.set()
        try:
            if self.work is not None:
                await self.work(self.begun)
        finally:
            self.in_pass = False


async def forever(_: int) -> None:
    await asyncio.Event().wait()


# Service


async def test_start_returns_when_it_works_and_stop_when_nothing_is_left():
    service = Taker()
    await service.start()
    assert service.running
    assert service.healthy
    assert service.held == [0, 1, 2]
    await service.stop()
    assert not service.running
    assert service.held == []


async def test_stop_before_start_and_twice_is_harmless():
    service = Taker()
    await service.stop()
    await service.start()
    await service.stop()
    await service.stop()
    assert service.journal == ["+taker", "-taker"]


async def test_start_twice_starts_once_and_a_stopped_service_starts_again():
    service = Taker()
    await service.start()
    await service.start()
    await asyncio.gather(service.stop(), service.stop(), service.stop())
    await service.start()
    await service.stop()
    assert service.journal == ["+taker", "-taker"] * 2


async def test_concurrent_starts_wait_for_the_same_one():
    service = Taker()
    await asyncio.gather(service.start(), service.start())
    assert service.journal == ["+taker"]
    await service.stop()


@pytest.mark.parametrize("fails_at", [0, 1, 2])
async def test_a_start_that_fails_has_undone_itself(fails_at: int):
    service = Taker(fails_at=fails_at)
    for _ in range(2):
        with pytest.raises(OSError, match="no more"):
            await service.start()
        assert service.held == []
        assert not service.running
    service.fails_at = None
    await service.start()
    await service.stop()


async def test_a_start_during_a_stop_waits_for_it():
    service = Taker()
    await service.start()
    stopping = asyncio.create_task(service.stop())
    await turns(1)
    await service.start()
    assert service.held == [0, 1, 2]
    await stopping
    await service.stop()


async def test_stopped_during_its_start_the_start_says_so():
    service = Taker()
    starting = asyncio.create_task(service.start())
    await turns(3)
    await service.stop()
    assert service.held == []
    with pytest.raises(StoppedWhileStarting, match="taker was stopped while it started"):
        await starting


async def test_a_start_that_ignores_its_cancellation_says_that_it_was_stopped_all_the_same():
    class Deaf(Taker):
        async def _start(self) -> None:
            with contextlib.suppress(asyncio.CancelledError):
                await turns(10)
            self.held.append(0)

    service = Deaf()
    starting = asyncio.create_task(service.start())
    await turns(3)
    await service.stop()
    assert service.held == []
    with pytest.raises(StoppedWhileStarting):
        await starting


@pytest.mark.parametrize("offset", range(1, 8))
async def test_a_cancelled_start_has_undone_itself(offset: int):
    service = Taker()
    starting = asyncio.create_task(service.start())
    await turns(offset)
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    assert not service.running
    assert service.held == []
    assert service.journal[-1] == "-taker"


async def test_why_a_start_failed_is_not_hidden_by_how_it_was_undone(caplog: pytest.LogCaptureFixture):
    class Broken(Service):
        async def _start(self) -> None:
            raise OSError("cause")

        async def _stop(self) -> None:
            raise OSError("consequence")

    with pytest.raises(OSError, match="cause"):
        await Broken().start()
    assert "consequence" in caplog.text


async def test_a_cancelled_stop_goes_on_without_its_caller():
    service = Taker()
    await service.start()
    stopping = asyncio.create_task(service.stop())
    await turns(2)
    stopping.cancel()
    with pytest.raises(asyncio.CancelledError):
        await stopping
    await service.stop()
    assert service.held == []
    assert service.journal == ["+taker", "-taker"]


async def test_a_stop_has_a_limit_with_a_name():
    class Endless(Service):
        stop_limit = 0.01

        async def _stop(self) -> None:
            await asyncio.Event().wait()

    service = Endless("endless")
    await service.start()
    with pytest.raises(LimitExceeded, match=r"endless did not stop within 0\.01 s"):
        await service.stop()


async def test_a_timeout_of_its_own_is_not_taken_for_the_limit():
    class TimesOut(Service):
        async def _stop(self) -> None:
            raise TimeoutError("mine")

    service = TimesOut()
    await service.start()
    with pytest.raises(TimeoutError, match="mine"):
        await service.stop()


async def test_as_a_context():
    async with Taker() as service:
        assert service.running
    assert service.held == []


# Start and stop at every moment


@pytest.mark.parametrize("make", [Taker, Counter, lambda: Group(Taker("a"), Counter(forever), Taker("b"))])
@pytest.mark.parametrize("offset", range(51))
async def test_stop_at_every_loop_turn_of_a_start(make: Callable[[], Service], offset: int):
    """F38: whenever the stop comes, nothing is left, and the start either worked or says that it was stopped."""
    service = make()
    starting = asyncio.create_task(service.start())
    await turns(offset)
    await service.stop()
    assert_nothing_left(service)
    done, _ = await asyncio.wait([starting], timeout=5)
    assert done
    if starting.exception() is not None:
        assert isinstance(starting.exception(), StoppedWhileStarting)
    await service.stop()  # at offset 0 the first stop came before the start
    assert_nothing_left(service)


@pytest.mark.parametrize("make", [Taker, Counter, lambda: Group(Taker("a"), Counter(forever), Taker("b"))])
@pytest.mark.parametrize("offset", range(51))
async def test_cancellation_at_every_loop_turn(make: Callable[[], Service], offset: int):
    """F38: a start or stop that is cancelled raises it, whenever that comes, and the next stop leaves nothing."""

    async def live() -> None:
        await service.start()
        await turns(10)
        await service.stop()

    service = make()
    life = asyncio.create_task(live())
    await turns(offset)
    cancelled = life.cancel()
    await asyncio.wait([life])
    assert life.cancelled() == cancelled
    await service.stop()
    assert_nothing_left(service)


async def test_starts_and_stops_by_many_at_random():
    """F38"""
    chance = random.Random(38)
    group = Group(Taker("a"), Counter(), Group(Taker("b"), Counter(forever)), Taker("c"))
    for _ in range(300):
        tasks = []
        for _ in range(chance.randint(1, 4)):
            call = group.start if chance.random() < 0.5 else group.stop
            tasks.append(asyncio.create_task(call()))
            await turns(chance.randint(0, 50))
            if chance.random() < 0.3:
                tasks[-1].cancel()
                await turns(chance.randint(0, 3))
        done, late = await asyncio.wait(tasks, timeout=5)
        assert not late
        for task in done:
            if not task.cancelled() and task.exception() is not None:
                assert isinstance(task.exception(), StoppedWhileStarting)
        await group.stop()
        assert_nothing_left(group)


def assert_nothing_left(service: Service) -> None:
    assert not service.running
    match service:
        case Taker():
            assert service.held == []
        case Counter():
            assert service._task is None
            assert not service.in_pass
        case Group():
            for part in service.parts:
                assert_nothing_left(part)


# Loop


async def test_the_first_pass_comes_at_once_and_the_next_when_woken():
    loop = Counter()
    async with loop:
        await loop.began.wait()
        await loop.passed()
        await loop.passed()
        assert loop.begun == loop.passes
        assert loop.begun in (2, 3)  # the first may have served a `passed`


async def test_passes_come_by_themselves_after_the_interval():
    third = asyncio.Event()

    async def work(number: int) -> None:
        if number == 3:
            third.set()

    async with Counter(work, interval=0.001):
        async with asyncio.timeout(5):
            await third.wait()


async def test_a_wake_during_a_pass_brings_another_one():
    hold, second = asyncio.Event(), asyncio.Event()

    async def work(number: int) -> None:
        if number == 1:
            await hold.wait()
        else:
            second.set()

    async with Counter(work) as loop:
        await loop.began.wait()
        loop.wake()
        loop.wake()
        hold.set()
        async with asyncio.timeout(5):
            await second.wait()
        await turns(5)
        assert loop.begun == 2


async def test_a_pass_that_wakes_itself_and_waits_for_nothing_does_not_block_the_event_loop():
    async def work(_: int) -> None:
        loop.wake()

    loop = Counter(work)
    async with asyncio.timeout(5), loop:
        await turns(10)
        assert loop.begun > 1


async def test_a_loop_outlives_an_exception_and_says_so_once(caplog: pytest.LogCaptureFixture):
    """F19: the loop resumes, is unhealthy meanwhile, counts, and logs each kind of failure once."""

    errors = [OSError("first"), OSError("second"), OSError("third"), ValueError("another kind")]
    healthy = []

    async def work(_: int) -> None:
        healthy.append(loop.healthy)
        if errors:
            raise errors.pop(0)

    loop = Counter(work)
    with caplog.at_level(logging.INFO):
        async with asyncio.timeout(5), loop:
            while errors:
                with contextlib.suppress(OSError, ValueError):
                    await loop.passed()
            await loop.passed()
            assert loop.healthy
            assert healthy[:5] == [True, False, False, False, False]
            assert (loop.failures, loop.failures_in_a_row) == (4, 0)
            assert isinstance(loop.last_error, ValueError)
    assert [message for message in caplog.messages if "counter" in message] == [
        "counter failed and will go on: first",
        "counter failed and will go on: another kind",
        "counter works again after 4 failures",
    ]


async def test_the_same_failure_is_logged_again_after_a_recovery(caplog: pytest.LogCaptureFixture):
    broken = True

    async def work(_: int) -> None:
        if broken:
            raise OSError("away")

    loop = Counter(work)
    loop.backoff = (0.001, 0.001)
    async with asyncio.timeout(5), loop:
        with pytest.raises(OSError, match="away"):
            await loop.passed()
        broken = False
        await loop.passed()
        broken = True
        with pytest.raises(OSError, match="away"):
            await loop.passed()
    assert caplog.messages.count("counter failed and will go on: away") == 2


async def test_the_pause_after_failures_grows_to_a_limit_with_jitter_and_no_wake_shortens_it():
    loop = Counter()
    loop.backoff = (0.1, 10.0)
    pauses: dict[int, list[float]] = {}
    for failures in (1, 2, 3, 8, 5000):
        loop.failures_in_a_row = failures
        pauses[failures] = [loop._backoff_seconds() for _ in range(200)]
    for failures, most in [(1, 0.1), (2, 0.2), (3, 0.4), (8, 10.0), (5000, 10.0)]:
        assert most / 2 <= min(pauses[failures]) < max(pauses[failures]) <= most
    assert len(set(pauses[1])) > 1

    async def work(number: int) -> None:
        raise OSError

    slow = Counter(work)
    slow.backoff = (60.0, 60.0)
    async with slow:
        await slow.began.wait()
        slow.wake()
        await turns(20)
        assert slow.begun == 1  # and leaving does not wait for the pause either


async def test_a_cancellation_that_leaks_out_of_a_pass_is_a_failure_like_any_other():
    """F19: something that `once` awaited was cancelled, not the loop."""

    async def work(number: int) -> None:
        if number == 1:
            inner = asyncio.get_running_loop().create_future()
            inner.cancel()
            await inner

    async with asyncio.timeout(5), Counter(work) as loop:
        await loop.passed()
        await loop.passed()
        assert isinstance(loop.last_error, asyncio.CancelledError)
        assert (loop.failures, loop.healthy) == (1, True)


async def test_a_loop_that_cannot_resume_tells_its_owner():
    class Outdated(Exception):
        pass

    async def work(number: int) -> None:
        if number == 2:
            raise Outdated("the tables are newer than this release")

    loop = Counter(work)
    loop.fatal = (Outdated,)
    group = Group(Taker("pool"), Group(loop))
    async with group:
        await loop.began.wait()
        assert group.healthy
        with pytest.raises(Outdated):
            await loop.passed()
        async with asyncio.timeout(5):
            assert isinstance(await group.failed(), Outdated)
        assert isinstance(await loop.failed(), Outdated)
        assert not loop.running
        assert not group.healthy
        with pytest.raises(JobrunnerError, match="counter does not run"):
            await loop.passed()
    assert_nothing_left(group)


async def test_a_loop_whose_task_is_cancelled_by_somebody_else_tells_its_owner():
    loop = Counter(forever)
    async with loop:
        await loop.began.wait()
        loop._task.cancel()
        async with asyncio.timeout(5):
            assert "counter was cancelled by something else" in str(await loop.failed())


async def test_a_failed_loop_can_be_started_again():
    async def work(number: int) -> None:
        if number == 1:
            raise KeyError

    loop = Counter(work)
    loop.fatal = (KeyError,)
    await loop.start()
    await loop.failed()
    await loop.start()
    await loop.passed()
    assert loop.healthy
    assert loop.failure is None
    await loop.stop()


async def test_a_stop_cancels_the_pass_under_way():
    async with Counter(forever) as loop:
        await loop.began.wait()
    assert not loop.in_pass
    assert loop.failure is None


async def test_a_stop_lets_the_pass_end_within_its_grace():
    hold = asyncio.Event()
    ended = []

    async def work(number: int) -> None:
        await hold.wait()
        ended.append(number)

    loop = Counter(work, grace=60)
    await loop.start()
    await loop.began.wait()
    stopping = asyncio.create_task(loop.stop())
    await turns(10)
    assert loop.in_pass
    hold.set()
    async with asyncio.timeout(5):
        await stopping
    assert ended == [1]


async def test_a_stop_cancels_the_pass_after_its_grace():
    loop = Counter(forever, grace=0.01)
    await loop.start()
    await loop.began.wait()
    async with asyncio.timeout(5):
        await loop.stop()
    assert not loop.in_pass


async def test_a_pass_that_swallows_its_cancellation_ends_the_loop_all_the_same():
    """F38: libraries that use `wait_for` lose a cancellation; the loop asks itself whether it is to go on."""

    async def work(_: int) -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            pass

    loop = Counter(work)
    await loop.start()
    await loop.began.wait()
    async with asyncio.timeout(5):
        await loop.stop()
    assert loop.begun == 1
    assert loop.failure is None


async def test_whoever_waits_for_a_pass_learns_that_the_loop_was_stopped():
    async with Counter(forever) as loop:
        await loop.began.wait()
        waiting = asyncio.create_task(loop.passed())
        await turns(2)
    with pytest.raises(JobrunnerError, match="counter was stopped"):
        await waiting


async def test_a_loop_needs_a_positive_interval():
    with pytest.raises(ValueError, match="interval must be positive, got 0"):
        Counter(interval=0)


async def test_a_lost_cancellation_is_repeated(monkeypatch: pytest.MonkeyPatch):
    """F38"""
    monkeypatch.setattr("jobrunner.lifecycle.service.RECANCEL_AFTER", 0.001)
    lost = []

    async def stubborn() -> None:
        while True:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                lost.append(1)
                if len(lost) == 3:
                    raise

    task = asyncio.create_task(stubborn())
    await turns(1)
    async with asyncio.timeout(5):
        await cancel(task)
    assert task.cancelled()


# Group


async def test_a_group_starts_in_order_and_stops_in_reverse():
    journal: list[str] = []
    async with Group(*(Taker(name, journal=journal) for name in "abc")):
        pass
    assert journal == ["+a", "+b", "+c", "-c", "-b", "-a"]


async def test_a_start_that_fails_half_way_undoes_the_parts_that_had_started():
    journal: list[str] = []
    parts = [Taker("a", journal=journal), Taker("b", fails_at=1, journal=journal), Taker("c", journal=journal)]
    group = Group(*parts)
    with pytest.raises(OSError, match="no more"):
        await group.start()
    assert journal == ["+a", "-b", "-a"]
    assert_nothing_left(group)


async def test_a_part_that_does_not_stop_well_does_not_keep_the_others(caplog: pytest.LogCaptureFixture):
    class Sticky(Service):
        async def _stop(self) -> None:
            raise OSError(f"{self.name} sticks")

    first, last = Taker("first"), Taker("last")
    group = Group(first, Sticky("one"), Sticky("two"), last)
    await group.start()
    with pytest.raises(OSError, match="two sticks"):
        await group.stop()
    assert first.held == last.held == []
    assert "one did not stop well: one sticks" in caplog.messages
    await group.stop()

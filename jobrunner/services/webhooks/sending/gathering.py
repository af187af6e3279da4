"""Work for many at once: what is asked for while a statement runs goes together in the next one."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Generic, TypeVar

Question = TypeVar("Question")
Answer = TypeVar("Answer")


class Gatherer(Generic[Question, Answer]):
    """Answers all questions that wait with one call, and while one is under way, the next with another.

    So under load a commit is shared by many, and with little to do each is answered at once. When a call fails, so do
    all questions of then and later.
    """

    def __init__(
        self,
        name: str,
        *work: Callable[[Sequence[Question]], Awaitable[Sequence[Answer]]],
        most: int | None = None,
    ) -> None:
        """Each of `work` makes one call at a time: it gets questions, and returns the answers in their order.

        `most`: questions in a call; None for all that wait.
        """
        self._name = name
        self._work = work
        self._most = most
        self._waiting: list[tuple[Question, asyncio.Future[Answer]]] = []
        self._wanted = asyncio.Event()
        self._tasks: list[asyncio.Task[None]] = []
        self.error: Exception | None = None

    def start(self) -> None:
        """Begin to answer."""
        self._tasks = [asyncio.create_task(self._run(work), name=self._name) for work in self._work]

    async def ask(self, question: Question) -> Answer:
        """Return the answer to a question.

        Raises:
            Exception: of the call that failed.
        """
        return await self.put(question)

    def put(self, question: Question) -> "asyncio.Future[Answer]":
        """Ask without waiting."""
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        if self.error is not None:
            answer.set_exception(self.error)
        else:
            self._waiting.append((question, answer))
            self._wanted.set()
        return answer

    async def close(self) -> None:
        """Answer no more."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        for _, answer in self._waiting:
            answer.cancel()

    async def _run(self, work: Callable[[Sequence[Question]], Awaitable[Sequence[Answer]]]) -> None:
        while self.error is None:
            await self._wanted.wait()
            await asyncio.sleep(0)  # those who ask in the same moment come along
            most = self._most or len(self._waiting)
            asked, self._waiting = self._waiting[:most], self._waiting[most:]
            if not self._waiting:
                self._wanted.clear()
            if not asked:
                continue
            try:
                answers = await work([question for question, _ in asked])
            except Exception as error:
                self._fail(error, asked)
                return
            except BaseException:
                for _, waiting in asked:
                    waiting.cancel()
                raise
            for (_, waiting), answer in zip(asked, answers, strict=True):
                if not waiting.done():
                    waiting.set_result(answer)

    def _fail(self, error: Exception, asked: list[tuple[Question, "asyncio.Future[Answer]"]]) -> None:
        self.error = error
        for _, waiting in (*asked, *self._waiting):
            if not waiting.done():
                waiting.set_exception(error)
                waiting.exception()  # whoever asked may be gone: then it is no news to the loop
        self._waiting = []

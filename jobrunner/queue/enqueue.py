"""Enqueueing: what is sent to PostgreSQL for one job or for many, whoever's connection carries it.

The work is written once, as generators that yield statements and are sent their rows; `jobrunner.queue.carrier` runs
them on a connection of asyncpg, of psycopg, or of our own. One job goes through the SQL function `jobrunner.enqueue`;
many go in portions of one statement each (see `Batch`).
"""

from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar

from jobrunner.db.sql import load
from jobrunner.definitions import Definition
from jobrunner.errors import Conflict, InvalidJobData
from jobrunner.queue.data import as_object, encode, encode_all
from jobrunner.queue.new_job import NewJob, Options, check_options, options_of

ENQUEUE_JOB = load(__package__, "enqueue_job")
ENQUEUE_ALIKE_JOBS = load(__package__, "enqueue_alike_jobs")
ENQUEUE_JOBS = load(__package__, "enqueue_jobs")
FIND_BY_UNIQUE_KEY = load(__package__, "find_by_unique_key")
READ_DEFAULTS = load(__package__, "read_defaults")

PORTION = 1000
"""Jobs that one statement adds."""
ROUNDS = 10
"""How often a unique key may be found taken and then free again before a call gives up."""
DEFAULT_QUEUE = "main"
DEFAULT_ATTEMPTS = 3
COLUMNS = Options._fields.index("definition")
"""How many of the options are columns of the table: all but the definition."""

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement with its parameters, which are numbered $1, $2, …"""

    text: str
    arguments: Sequence[Any]


Steps: TypeAlias = Generator[Statement, Sequence[Any], Result]
"""Yields statements, is sent the rows of each, and returns what came of it."""


def enqueue_one(new_job: NewJob) -> Steps[int]:
    """Add one job and return its id, or that of the job which has its unique key.

    Raises:
        InvalidJobData: nothing was written.
    """
    options = check_options(new_job)
    text = encode(new_job.data)
    _check_arguments(options.definition, new_job.data)
    *columns, _ = options[:COLUMNS]  # whether it blocks is what the function finds out by itself
    rows = yield Statement(ENQUEUE_JOB, (text, *columns))
    job_id: int = rows[0][0]
    return job_id


def enqueue_all(new_jobs: Iterable[NewJob], *, portion: int | None = PORTION) -> Steps[list[int]]:
    """Add many jobs and return their ids in the order given; with a portion of None in a single statement.

    Where a unique key is taken, also by an earlier one of these jobs, the id is that of the job which has it.

    Raises:
        InvalidJobData: with the index of the job that is refused; nothing was written.
    """
    batch = Batch(new_jobs)
    yield from batch.complete()
    ids: list[int] = []
    for part in list(batch.parts(portion)):  # all is encoded before the first one is sent
        ids += yield from part.add()
    return ids


class Batch:
    """Many jobs to enqueue, their options checked.

    Their data travels as one JSON array, which Python writes and PostgreSQL takes apart faster than a parameter for
    each job. Jobs that share all else go in a statement that has the rest once; otherwise the columns in which they
    differ are arrays. Measured for alike jobs with little data, in CPU of both sides: 8 µs a job, arrays for all 14,
    COPY 9 (which needs the ids beforehand, and could not pass over unique keys).
    """

    def __init__(self, new_jobs: Iterable[NewJob]) -> None:
        """Raises InvalidJobData with the index of the job whose options are refused."""
        self._jobs = list(new_jobs)
        self._options = self._check()
        self._kinds = set(self._options)

    def __len__(self) -> int:
        return len(self._jobs)

    @property
    def is_alike(self) -> bool:
        """Whether the jobs differ in nothing but their data, and have no unique key."""
        return len(self._kinds) == 1 and next(iter(self._kinds)).unique_key is None

    def _check(self) -> list[Options]:
        """Check each combination of options once: the jobs of a batch mostly share a few."""
        checked: dict[Any, Options] = {}
        options: list[Options] = []
        for index, new_job in enumerate(self._jobs):
            if not isinstance(new_job, NewJob):
                raise InvalidJobData(f"a job to enqueue must be a NewJob, got {type(new_job).__name__}", index)
            combination = options_of(new_job)
            try:
                known = checked.get(combination)
            except TypeError:  # something in it cannot be hashed, a target's data for example
                options.append(_check_options(new_job, index))
                continue
            if known is None:
                known = checked[combination] = _check_options(new_job, index)
            options.append(known)
        return options

    def complete(self) -> Steps[None]:
        """Read from the database what definitions say that this process does not know.

        The statement for jobs that are alike does that by itself.
        """
        unknown = sorted({kind.name for kind in self._kinds if kind.definition is None})
        if self.is_alike or not unknown:
            return
        found = {name: defaults for name, *defaults in (yield Statement(READ_DEFAULTS, [unknown]))}
        completed: dict[Options, Options] = {}
        for kind in self._kinds:
            queue, attempts, blocking = found.get(kind.name, (DEFAULT_QUEUE, DEFAULT_ATTEMPTS, False))
            completed[kind] = kind._replace(
                queue=queue if kind.queue is None else kind.queue,
                max_attempts=attempts if kind.max_attempts is None else kind.max_attempts,
                blocking=blocking if kind.blocking is None else kind.blocking,
            )
        self._options = [completed[options] for options in self._options]
        self._kinds = set(completed.values())

    def parts(self, portion: int | None = PORTION) -> Iterator["Part"]:
        """Yield what one statement each adds, encoded as it is asked for.

        Raises:
            InvalidJobData: with the index of the job whose data is refused.
        """
        step = portion or max(len(self), 1)
        for first in range(0, len(self), step):
            yield self.part(range(first, min(first + step, len(self))))

    def part(self, places: Sequence[int]) -> "Part":
        """Return the jobs at these places, encoded."""
        data = [self._jobs[place].data for place in places]
        text = encode_all(data, places)
        options = [self._options[place] for place in places]
        if any(kind.definition for kind in self._kinds):
            for place, one, own in zip(places, options, data, strict=True):
                _check_arguments(one.definition, own, place)
        if self.is_alike:
            name, queue, *others, _key, blocking = options[0][:COLUMNS]
            return Part(self, places, None, (text, name, queue, *others, blocking))
        once: list[Any] = []
        each: list[list[Any] | None] = []
        for column in range(COLUMNS):
            values = {kind[column] for kind in self._kinds}
            differ = len(values) > 1
            once.append(None if differ else values.pop())
            each.append([one[column] for one in options] if differ else None)
        queues = sorted({str(kind.queue) for kind in self._kinds})
        return Part(self, places, [one.unique_key for one in options], (text, *once, *each, queues))


@dataclass(frozen=True, slots=True)
class Part:
    """Jobs of a batch that one statement adds."""

    batch: Batch
    places: Sequence[int]
    keys: Sequence[str | None] | None
    """The unique key of each; None where the jobs are alike."""
    arguments: Sequence[Any]

    @property
    def statement(self) -> Statement:
        """The statement that adds them."""
        return Statement(ENQUEUE_ALIKE_JOBS if self.keys is None else ENQUEUE_JOBS, self.arguments)

    def add(self) -> Steps[list[int]]:
        """Add them and return their ids in order."""
        if self.keys is None:
            return ids_in_order((yield self.statement))
        key_of = dict(zip(self.places, self.keys, strict=True))
        ids: dict[int, int] = {}
        part = self
        for _ in range(ROUNDS):
            added, added_keys, _queues = (yield part.statement)[0]
            pairs = list(zip(added or (), added_keys or (), strict=True))
            plain = iter(sorted(job_id for job_id, key in pairs if key is None))
            holders = {key: job_id for job_id, key in pairs if key is not None}
            ids |= {place: next(plain) for place in part.places if key_of[place] is None}
            taken = {key for place in part.places if (key := key_of[place]) is not None and key not in holders}
            if taken:
                holders |= dict(map(tuple, (yield Statement(FIND_BY_UNIQUE_KEY, [sorted(taken)]))))
            ids |= {place: holders[key] for place in part.places if (key := key_of[place]) in holders}
            left = [place for place in self.places if place not in ids]
            if not left:
                return [ids[place] for place in self.places]
            part = self.batch.part(left)  # who had the key has ended since
        raise Conflict(
            f"the unique key {key_of[left[0]]!r} was taken and free again {ROUNDS} times while the job was enqueued: "
            "enqueue it again"
        )


def ids_in_order(rows: Sequence[Any]) -> list[int]:
    """Return the ids of jobs that are alike: PostgreSQL takes the array apart in order, and draws ids upwards."""
    return sorted(rows[0][0])


def _check_options(new_job: NewJob, index: int) -> Options:
    try:
        return check_options(new_job)
    except InvalidJobData as refusal:
        raise InvalidJobData(str(refusal), index) from None


def _check_arguments(definition: Definition | None, data: Mapping[str, Any], index: int | None = None) -> None:
    """Check the data by the annotations of the job's function, as far as this process knows it."""
    if definition is None or not (data or definition.has_data):
        return
    try:
        definition.arguments(data if isinstance(data, dict) else as_object(data))
    except InvalidJobData as refusal:
        raise InvalidJobData(str(refusal), index) from None
